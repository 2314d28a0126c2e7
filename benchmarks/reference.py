"The original's way of computing, written out: what the benchmarks compare with. Plain float32, operation by operation."
import torch
from torch import nn
from torch.nn.utils import parametrize
from picnet_nb.hub import load
from picnet_nb.layers import Attention, ResBlock, SpectralNorm
from picnet_nb.model import PICNet, PICNetConfig

class OriginalResBlock(ResBlock):
    "Only the first block averages before its shortcut."
    def forward(self, x):
        y = self.pool(self.conv2(self.act2(self.conv1(self.act1(x)))))
        return y + (self.shortcut(self.pool(x)) if isinstance(self.act1, nn.Identity) else self.pool(self.shortcut(x)))

class OriginalAttention(Attention):
    "The attention matrix (B, N, N) is stored."
    def forward(self, x, f_e=None, m=None):
        q = self.query(x).flatten(2)
        A = torch.softmax(torch.bmm(q.transpose(1, 2), q), -1)
        look = lambda t: torch.bmm(t.flatten(2), A.transpose(1, 2)).view_as(t)
        short = self.gamma*look(x) + x
        if f_e is None: return short
        return self.merge(torch.cat([short, self.alpha*(1 - m)*look(f_e) + m*f_e], 1))

class OriginalNorm(SpectralNorm):
    "A power iteration in every forward, in eval mode too."
    def forward(self, weight):
        self.training = True
        return super().forward(weight)

ways = {ResBlock: OriginalResBlock, Attention: OriginalAttention, SpectralNorm: OriginalNorm}

def original(net:PICNet) -> PICNet:
    "Let all layers compute in the original's way, in place; the others are written in it already."
    for m in net.modules(): m.__class__ = ways.get(type(m), m.__class__)
    return net.to(memory_format=torch.contiguous_format)

def start_net(size:int) -> PICNet: # float32 on the CPU, to train on
    """The paper's network with the bundled weights. The power iterations start from the exact singular vectors,
    so that it makes no difference how often they have run."""
    ours = load(device='cpu')
    net, given = PICNet(PICNetConfig(image_size=size, attention=ours.config.attention)), ours.state_dict()
    plain = lambda k: k.replace('parametrizations.weight.original', 'weight')
    net.load_state_dict({k: given.get(plain(k), v) for k, v in net.state_dict().items()})    # disc_rec stays new
    for m in net.modules():
        if not parametrize.is_parametrized(m, 'weight'): continue
        s = m.parametrizations.weight
        W = s.original.detach().flatten(1).double()
        u = torch.linalg.eigh(W @ W.T)[1][:, -1]
        s[0]._u.copy_(u)
        s[0]._v.copy_(nn.functional.normalize(W.T @ u, dim=0))
    return net
