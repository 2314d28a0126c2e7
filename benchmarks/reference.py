"The original's way of computing, written out: what the benchmarks compare with. Plain float32, the operations one by one, power iteration in every forward."
import copy, types
import torch, torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize
from picnet_nb.layers import Attention, Conv3, InstanceNorm, ResBlock, ToRGB, UpBlock, iterate_always
from picnet_nb.losses import GANLoss
from picnet_nb.model import unfold

def res_block(self, x):
    y = self.pool(self.conv2(self.act2(self.conv1(self.act1(x)))))
    return y + (self.bypass(self.pool(x)) if isinstance(self.act1, nn.Identity) else self.pool(self.bypass(x)))   # only the first block averages first

def conv3(self, x): return F.conv2d(x, self.weight, self.bias, padding=1)

def up_block(self, x, packed=False):     # nothing is ever packed
    y = self.conv1(self.act(self.norm1(x)))
    return self.conv2(self.act(self.norm2(y))) + self.bypass(x)

def to_rgb(self, x, packed=False): return self.conv1(F.pad(self.act(x), (1, 1, 1, 1), mode='reflect')).tanh()

def attention(self, x, encoded=None, visible=None):
    flat = lambda t: t.flatten(2)
    q = flat(self.query(x))
    A = torch.softmax(torch.bmm(q.transpose(1, 2), q), -1)                                    # (B, N, N), stored
    look = lambda t: torch.bmm(flat(t), A.transpose(1, 2)).view_as(t)
    short = self.gamma*look(x) + x
    if encoded is None: return short
    return self.merge(torch.cat([short, self.alpha*(1 - visible)*look(encoded) + visible*encoded], 1))

def instance_norm(self, x): return F.instance_norm(x, weight=self.weight, bias=self.bias)

def discriminator(self, x):
    for b in self.blocks[:3]: x = b(x)
    x = self.attention(self.simam(x))
    for b in self.blocks[3:]: x = b(x)
    return self.head(self.act(self.last(x)))

def lessons(net, image, out): # LSGAN's, which has no penalty
    "The discriminators' losses, one call for the real and one for the made pictures."
    gan, made = GANLoss(net.config.gan), dict(disc=out.gen[-1], disc_rec=out.rec[-1])
    return {k: gan.discriminator(getattr(net, k)(image), getattr(net, k)(o.detach())) for k, o in made.items()}

def plain(net):
    "Make all layers of `net` compute in the original's way, in place."
    ways = {Conv3: conv3, ResBlock: res_block, UpBlock: up_block, ToRGB: to_rgb, Attention: attention, InstanceNorm: instance_norm}
    for m in net.modules():
        if type(m) in ways: m.forward = types.MethodType(ways[type(m)], m)
        if type(m) is nn.LeakyReLU: m.inplace = False
    return iterate_always(net.to(memory_format=torch.contiguous_format))

def exact(net):
    "Let the power iterations of `net` start from the exact singular vectors, so that it makes no difference how often they have run."
    for m in net.modules():
        if not parametrize.is_parametrized(m, 'weight'): continue
        s = m.parametrizations.weight
        U, _, Vh = torch.linalg.svd(s.original.detach().flatten(1).double(), full_matrices=False)
        s[0].u.copy_(U[:, 0]); s[0].v.copy_(Vh[0])
    return net

def trainable(net): # folded
    "A copy of a loaded network with spectral norm, and without what the paper's has not: common factors, noise maps, known pixels for the generator, blending with them."
    net = copy.deepcopy(net)
    net.config.factors, net.config.noise, net.config.known, net.config.blend = 0, 0., False, False
    net.encoder.factor_head = net.generator.noise = None
    return exact(unfold(net))
