# %% imports
from __future__ import annotations
import torch, torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _SpectralNorm
# %%
class SpectralNorm(_SpectralNorm):
    "torch's spectral norm (Miyato et al. 2018), in float32 whatever autocast says."
    def forward(self, weight):
        with torch.autocast(weight.device.type, enabled=False): return super().forward(weight)
# %%
def spectral_norm(
    layer:nn.Module, # a layer with a `weight`, such as `nn.Conv2d` or `nn.ConvTranspose2d`
) -> nn.Module: # the same layer
    "Divide the weight of `layer`, as a matrix of `weight.shape[0]` rows, by its largest singular value from now on."
    if layer.weight.is_meta: return layer     # shapes without numbers, to be filled with plain weights
    parametrize.register_parametrization(layer, 'weight', SpectralNorm(layer.weight))
    return layer
# %%
def remove_spectral_norm(
    net:nn.Module, # any network with spectral norm inside
) -> nn.Module: # the same network, in eval mode, with plain weights
    "Replace each spectrally normalized weight by its present value, in place."
    for m in list(net.eval().modules()):
        if not parametrize.is_parametrized(m, 'weight'): continue
        weight = m.weight.detach()
        # not `remove_parametrizations`: it changes the class, which deep copies of this layer share
        m.__class__ = parametrize.type_before_parametrizations(m)
        del m.parametrizations
        m.weight = nn.Parameter(weight)
    return net
# %%
class GroupNorm(nn.Module):
    "Group norm for any number of channels: those left over by the division are a group of their own (ours)."
    def __init__(self,
        c:int, # channels
        groups:int=32, # at most so many groups ...
        least:int=4, # ... of at least so many channels
        eps:float=1e-5,
    ):
        super().__init__()
        self.groups, self.eps = max(1, min(groups, c//least)), eps
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))

    def forward(self, x):
        n = x.shape[1] - x.shape[1]%self.groups
        norm = lambda x, groups, w, b: F.group_norm(x, groups, w, b, self.eps)
        y = norm(x[:, :n], self.groups, self.weight[:n], self.bias[:n])
        return torch.cat([y, norm(x[:, n:], 1, self.weight[n:], self.bias[n:])], 1) if n < x.shape[1] else y
# %%
def norm_layer(
    kind:str, # 'none', 'instance' (paper) or 'group' (improvement)
    c:int, # channels
) -> nn.Module:
    "The normalization named `kind`."
    if kind == 'none': return nn.Identity()
    if kind == 'instance': return nn.InstanceNorm2d(c, affine=True)
    if kind == 'group': return GroupNorm(c)
    raise ValueError(f"norm is 'none', 'instance' or 'group', not {kind!r}")
# %%
def norm_act(kind:str, c:int, slope:float) -> nn.Sequential:
    "Norm and LeakyReLU: what stands before a convolution."
    return nn.Sequential(norm_layer(kind, c), nn.LeakyReLU(slope))
# %%
class ResBlock(nn.Module):
    "Pre-activation residual block; `down` halves height and width."
    def __init__(self,
        cin:int, cout:int, # channels in and out
        hidden:int|None=None, # channels between the two convolutions; `cout` if not given
        norm:str='none', # see `norm_layer`
        down:bool=False, # halve height and width by a mean over 2x2 pixels?
        raw:bool=False, # is the input pixels? then there is no norm and no activation before the first convolution
        slope:float=.1, # of the LeakyReLU
    ):
        super().__init__()
        hidden = hidden or cout
        self.conv1 = spectral_norm(nn.Conv2d(cin, hidden, 3, padding=1))
        self.conv2 = spectral_norm(nn.Conv2d(hidden, cout, 3, padding=1))
        self.shortcut = spectral_norm(nn.Conv2d(cin, cout, 1))
        self.act1, self.act2 = nn.Identity() if raw else norm_act(norm, cin, slope), norm_act(norm, hidden, slope)
        self.pool = nn.AvgPool2d(2) if down else nn.Identity()

    def forward(self, x):
        y = self.conv2(self.act2(self.conv1(self.act1(x))))
        return self.pool(y) + self.shortcut(self.pool(x))
# %%
class UpBlock(nn.Module):
    "Residual block of the generator: norm, activation, convolution, twice; doubles height and width."
    def __init__(self,
        cin:int, cout:int, # channels in; out, and between
        norm:str='instance', # see `norm_layer`
        slope:float=.1, # of the LeakyReLU
    ):
        super().__init__()
        up = dict(kernel_size=3, stride=2, padding=1, output_padding=1)
        self.norm1, self.norm2, self.act = norm_layer(norm, cin), norm_layer(norm, cout), nn.LeakyReLU(slope)
        self.conv1 = spectral_norm(nn.Conv2d(cin, cout, 3, padding=1))
        self.conv2 = spectral_norm(nn.ConvTranspose2d(cout, cout, **up))
        self.shortcut = spectral_norm(nn.ConvTranspose2d(cin, cout, **up))

    def forward(self, x):
        y = self.conv1(self.act(self.norm1(x)))
        return self.conv2(self.act(self.norm2(y))) + self.shortcut(x)
# %%
class ToRGB(nn.Module):
    "Features to an image in [-1, 1]."
    def __init__(self, c:int, slope:float=.1): # channels; of the LeakyReLU
        super().__init__()
        self.act = nn.LeakyReLU(slope)
        self.conv1 = spectral_norm(nn.Conv2d(c, 3, 3, padding=1, padding_mode='reflect'))

    def forward(self, x): return self.conv1(self.act(x)).tanh()
# %%
class SimAM(nn.Module):
    "Parameter-free attention: a neuron weighs more the more it stands out in its channel (Yang et al., ICML 2021)."
    def __init__(self, lam:float=1e-4): # λ, keeps flat channels from dividing by zero
        super().__init__()
        self.lam = lam

    def inverse_energy(self, x): # (B, C, H, W)
        "$1/e^*$ of each neuron (eq. 5)."
        d = (x - x.mean((2, 3), keepdim=True))**2
        var = d.sum((2, 3), keepdim=True)/(x.shape[2]*x.shape[3] - 1)
        return d/(4*(var + self.lam)) + .5

    def forward(self, x): return x*self.inverse_energy(x.float()).sigmoid().to(x.dtype)
# %%
class Attention(nn.Module):
    "Short + long term attention (PICNet, sec. 3.3): query and key are one projection, without scaling."
    def __init__(self, c:int): # channels of `x` and of the encoder's features
        super().__init__()
        self.query = nn.Conv2d(c, max(1, c//4), 1)
        nn.init.orthogonal_(self.query.weight, .02)
        nn.init.zeros_(self.query.bias)
        self.gamma, self.alpha = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
        self.merge = ResBlock(2*c, c, slope=.01)

    def attend(self, q, v): # (B, c/4, H, W), (B, C, H, W)
        "Means of `v` over all places, weighed by softmax(q_i . q_j); in float32, since unscaled logits grow large."
        with torch.autocast(q.device.type, enabled=False):
            q, flat = (t.float().flatten(2).mT[:, None] for t in (q, v))
            return F.scaled_dot_product_attention(q, q, flat, scale=1.)[:, 0].mT.reshape(v.shape).to(v.dtype)

    def forward(self,
        x, # (B, C, H, W) features of the decoder or discriminator
        f_e=None, # (B or 1, C, H, W) the encoder's features of the visible image; None: short term only
        m=None, # (B or 1, 1, H, W) float, 1 where the image is visible
    ):
        q = self.query(x)
        short = x + self.gamma*self.attend(q, x)
        if f_e is None: return short
        f_e, m = f_e.expand_as(x), m.to(x.dtype).expand(len(x), -1, -1, -1)
        long = self.alpha*(1 - m)*self.attend(q, f_e) + m*f_e
        return self.merge(torch.cat([short, long], 1))
