# %% imports
from __future__ import annotations
from functools import lru_cache, partial, wraps
import torch, torch.nn.functional as F
from torch import nn
from torch.nn.attention import sdpa_kernel, SDPBackend
from torch.distributions import Normal
# %%
def no_autocast(f):
    "Decorator: run `f` outside autocast, with half precision tensors as float32."
    lift = lambda x: x.float() if torch.is_tensor(x) and x.dtype in (torch.float16, torch.bfloat16) else x
    @wraps(f)
    def run(*args, **kw):
        device = next(a.device.type for a in (*args, *kw.values()) if torch.is_tensor(a))
        with torch.autocast(device, enabled=False):
            return f(*map(lift, args), **{k: lift(v) for k, v in kw.items()})
    return run
# %%
def kl_normal(
    p:Normal, # the distribution that the mean is taken over
    q:Normal, # the distribution it is compared with; same shape, or one that broadcasts
) -> torch.Tensor: # KL(p || q) of each element, in nats
    "Kullback-Leibler divergence of two normal distributions, element by element."
    ratio, shift = p.scale/q.scale, (p.loc - q.loc)/q.scale
    return .5*(ratio**2 + shift**2 - 1) - ratio.log()
# %%
def mask_prior_std(
    mask:torch.Tensor, # (B, 1, H, W) bool or float, True where to fill
) -> torch.Tensor: # (B, 1, 1, 1) standard deviation, in (0, 1)
    "$\\sigma(n)$ of the latent prior: the larger the hole, the wider."
    visible = 1 - mask.float().mean((1, 2, 3), keepdim=True) - 1e-5
    return torch.sigmoid(-8*(visible - .8))
# %%
def mask_prior(
    mask:torch.Tensor, # (B, 1, H, W) bool or float, True where to fill
    like:torch.Tensor, # (B, z, h, w) float32, gives shape and device
) -> Normal: # zero mean, the same std in the whole of an image's map
    "$N(0, \\sigma^2(n))$, the prior that the hole's size alone gives."
    mean = torch.zeros_like(like)
    return Normal(mean, mask_prior_std(mask).to(mean).expand_as(mean), validate_args=False)
# %%
def image_pyramid(
    x:torch.Tensor, # (B, C, H, W) images, or masks (bool or float; they come out soft)
    n:int=4, # how many scales
) -> list[torch.Tensor]: # small to large: sides H/2^(n-1) ... H/2, H
    "The image at `n` scales, each bilinear from the full one."
    h, w = x.shape[-2:]
    if min(h, w) < 2**(n-1): raise ValueError(
        f'{h}x{w} pixels cannot be halved {n-1} times: give a larger image or a smaller n')
    resize = partial(F.interpolate, x.float(), mode='bilinear', align_corners=True)
    return [resize((h >> i, w >> i)) for i in range(n-1, 0, -1)] + [x.float()]
# %%
@no_autocast
def pyramid_loss(
    images:list[torch.Tensor], # the generator's (B, 3, h, w), small to large, as `image_pyramid` orders them
    target:torch.Tensor, # (B, 3, H, W) the truth at full size
    weight:torch.Tensor|None=None, # (B, 1, H, W) of each pixel, such as 1 where visible; None: 1 everywhere
    loss=F.l1_loss, # pixel loss of two images that returns a scalar
) -> torch.Tensor: # scalar, the sum over the scales
    "Sum of a pixel loss over the scales of an image."
    n = len(images)
    truths, weights = image_pyramid(target, n), [1.]*n if weight is None else image_pyramid(weight, n)
    for x, y in zip(images, truths):
        if x.shape != y.shape: raise ValueError(f'an image of shape {tuple(x.shape)} stands where {tuple(y.shape)} '
            'belongs: give the scales small to large, each half of the next')
    return sum(loss(x.float()*w, y*w) for x, y, w in zip(images, truths, weights))
# %%
def gaussian_window(
    size:int, # number of taps
    sigma:float, # standard deviation in pixels
) -> torch.Tensor: # (size,) float64 weights that sum to 1
    "Gaussian weights around the center."
    k = torch.arange(size, dtype=torch.float64) - (size-1)/2
    return torch.softmax(-k**2/(2*sigma**2), 0)
# %%
@lru_cache(maxsize=256)
@torch.inference_mode(False)
def blur_matrix(
    n:int, # side of the image in pixels
    sigma:float, # standard deviation of the Gaussian, in pixels
    size:int, # number of taps, odd
    border:str='mirror', # 'mirror' (edge pixel repeated) or 'reflect' (not repeated)
    device=None, dtype:torch.dtype=torch.float32, # of the matrix
) -> torch.Tensor: # (n, n); row i holds the weights that make output pixel i
    "Matrix that blurs a line of `n` pixels."
    if size%2 == 0: raise ValueError(f'a window needs a center: size must be odd, not {size}')
    if border not in ('mirror', 'reflect'): raise ValueError(f"border is 'mirror' or 'reflect', not {border!r}")
    j = torch.arange(n)[:, None] + torch.arange(size) - size//2
    period, last = (2*n, 2*n - 1) if border == 'mirror' else (max(2*n - 2, 1),)*2
    j = j%period
    j = torch.where(j < n, j, last - j)
    weights = gaussian_window(size, sigma).expand(n, -1)
    return torch.zeros(n, n, dtype=torch.float64).scatter_add_(1, j, weights).to(device, dtype)
# %%
@no_autocast
def blur(
    x:torch.Tensor, # (..., H, W) float
    sigma:float, # standard deviation of the Gaussian, in pixels
    size:int|None=None, # number of taps, odd; None: out to 4 sigma
    border:str='mirror', # see `blur_matrix`
) -> torch.Tensor: # same shape
    "Gaussian blur, as one matrix product along the rows and one along the columns."
    size = size or 2*int(4*sigma) + 1
    rows, cols = (blur_matrix(n, sigma, size, border, x.device, x.dtype) for n in x.shape[-2:])
    return rows @ F.linear(x, cols)
# %%
def rescale01(
    x:torch.Tensor, # images
    data_range:tuple|float, # (black, white); a single number R means (0, R)
) -> torch.Tensor: # the same, with black at 0 and white at 1
    "Images from their own range to [0, 1]."
    lo, hi = data_range if isinstance(data_range, (tuple, list)) else (0., data_range)
    if not hi > lo: raise ValueError(f'data_range is (black, white) with black < white, not {data_range}')
    return (x - lo)/(hi - lo)
# %%
def ssim_maps(
    x:torch.Tensor, # (B, C, H, W) images on [0, 1]
    y:torch.Tensor, # same shape
    blur, # function that gives the weighted mean around each pixel
) -> tuple[torch.Tensor, torch.Tensor]: # luminance map, contrast-structure map, both (B, C, H, W)
    "The two factors of SSIM at each pixel."
    if x.shape != y.shape: raise ValueError(f'images of different shapes: {tuple(x.shape)} and {tuple(y.shape)}')
    d = x - y
    mx, my, squares, dd = blur(torch.stack([x, y, x*x + y*y, d*d]))
    mm, md = mx*mx + my*my, (mx - my)**2
    return 1 - md/(mm + .01**2), 1 - (dd - md)/(squares - mm + .03**2)
# %%
@no_autocast
def ssim(
    x:torch.Tensor, # (B, C, H, W) images
    y:torch.Tensor, # same shape
    data_range:tuple|float=(-1., 1.), # (black, white); a single number R means (0, R)
    size:int=11, # taps of the window
    sigma:float=1.5, # standard deviation of the window, in pixels
) -> torch.Tensor: # (B,) similarity, 1 for equal images
    "Structural similarity (Wang et al. 2004), the mean over pixels and channels."
    x, y = rescale01(x, data_range), rescale01(y, data_range)
    l, cs = ssim_maps(x, y, partial(blur, sigma=sigma, size=size, border='reflect'))
    return (l*cs).mean((1, 2, 3))
# %%
@no_autocast
def ms_ssim(
    x:torch.Tensor, # (B, C, H, W) images
    y:torch.Tensor, # same shape
    data_range:tuple|float=(-1., 1.), # (black, white); a single number R means (0, R)
    weights:tuple=(.0448, .2856, .3001, .2363, .1333), # exponents, fine to coarse; as many as fit, scaled to sum 1
    size:int=11, # taps of the window
    sigma:float=1.5, # standard deviation of the window, in pixels
    eps:float=1e-6, # a mean contrast below counts as 0, and gives no gradient
) -> torch.Tensor: # (B,) similarity, 1 for equal images
    "Multi-scale structural similarity (Wang, Simoncelli, Bovik 2003), with as many scales as the image allows."
    x, y = rescale01(x, data_range), rescale01(y, data_range)
    weights = [w for i, w in enumerate(weights) if i == 0 or min(x.shape[-2:]) >> i >= size]
    r, result = size//2, 1.
    for i, w in enumerate(weights):
        l, cs = ssim_maps(x, y, partial(blur, sigma=sigma, size=size, border='reflect'))
        v = (l*cs if i == len(weights) - 1 else cs[..., r:-r, r:-r]).mean((1, 2, 3))
        result = result*torch.where(v > eps, v, 1.)**(w/sum(weights))*(v > eps)
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return result
# %%
class MSSSIML1Loss(nn.Module):
    "MS-SSIM + L1 (Zhao et al. 2017): structure at five widths of window, and color from L1."
    def __init__(self,
        alpha:float=.025, # share of the structure term
        data_range:tuple|float=(-1., 1.), # (black, white); a single number R means (0, R)
        sigmas:tuple=(.5, 1., 2., 4., 8.), # widths of the windows in pixels, fine to coarse
        scale:float|None=None, # factor on the paper's loss; None: the one that makes the L1 part equal to plain L1
    ):
        super().__init__()
        lo, hi = data_range if isinstance(data_range, (tuple, list)) else (0., data_range)
        self.alpha, self.data_range, self.sigmas = alpha, (lo, hi), sigmas
        self.scale = (hi - lo)/(1 - alpha) if scale is None else scale

    @no_autocast
    def map(self, x, y): # (B, C, H, W) images, and what they should be
        "The loss at each pixel and channel."
        x, y, contrast = rescale01(x, self.data_range), rescale01(y, self.data_range), 1.
        for s in self.sigmas:
            l, cs = ssim_maps(x, y, partial(blur, sigma=s))
            contrast = contrast*cs.clamp(min=0)
        return self.scale*(self.alpha*(1 - l*contrast) + (1 - self.alpha)*(x - y).abs())

    def forward(self, x, y): return self.map(x, y).mean()
    def __repr__(self): return f'MSSSIML1Loss({self.alpha})'
# %%
@no_autocast
def tv(
    x:torch.Tensor, # (B, C, H, W) images
) -> torch.Tensor: # (B,), in units of the images' range
    "Total variation: mean absolute step to the next pixel, across plus down."
    return x.diff(dim=-1).abs().mean((1, 2, 3)) + x.diff(dim=-2).abs().mean((1, 2, 3))
# %%
@no_autocast
def grad_at_interpolates(
    disc, # discriminator: images -> scores
    real:torch.Tensor, fake:torch.Tensor, # (B, C, H, W) real and made images
    u:torch.Tensor|None=None, # (B,) uniform numbers that place the points between them; drawn if not given
) -> torch.Tensor: # (B, C*H*W), itself differentiable
    "Gradient of the summed score at a random point between each real and its fake image."
    u = (torch.rand(len(real)) if u is None else u).to(real.device).view(-1, 1, 1, 1)
    x = (u*real + (1 - u)*fake).detach().requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):      # the only attention with a second derivative
        return torch.autograd.grad(disc(x).sum(), x, create_graph=True)[0].flatten(1)
# %%
@no_autocast
def gradient_penalty(
    disc, real:torch.Tensor, fake:torch.Tensor, u:torch.Tensor|None=None, # see `grad_at_interpolates`
    weight:float=10., # factor on the penalty
) -> torch.Tensor: # scalar
    "WGAN-GP (Gulrajani et al. 2017): pulls the slope of the score to 1."
    g = grad_at_interpolates(disc, real, fake, u)
    return weight*(((g + 1e-16).norm(dim=1) - 1)**2).mean()
# %%
@no_autocast
def divergence_penalty(
    disc, real:torch.Tensor, fake:torch.Tensor, u:torch.Tensor|None=None, # see `grad_at_interpolates`
    k:float=2., # factor on the penalty
    p:float=6., # power of the slope
) -> torch.Tensor: # scalar
    "WGAN-div (Wu et al. 2018): any slope costs, steep ones very much."
    g = grad_at_interpolates(disc, real, fake, u)
    return k*(g**2).sum(1).pow(p/2).mean()
# %%
class GANLoss:
    "What discriminator and generator minimize; a high score means real in every mode."
    penalties = {'lsgan': None, 'hinge': None, 'wgan-gp': gradient_penalty, 'wgan-div': divergence_penalty}

    def __init__(self, mode:str='lsgan'): # 'lsgan' (paper), 'hinge', 'wgan-gp' or 'wgan-div'
        if mode not in self.penalties: raise ValueError(
            f"unknown GAN loss {mode!r}: choose one of {', '.join(self.penalties)}")
        self.mode, self.penalty_of = mode, self.penalties[mode]

    @no_autocast
    def discriminator(self, real:torch.Tensor, fake:torch.Tensor) -> torch.Tensor: # scores of any shape; scalar
        "What the discriminator minimizes, without the penalty."
        if self.mode == 'lsgan': return .5*(((real - 1)**2).mean() + (fake**2).mean())
        if self.mode == 'hinge': return .5*(F.relu(1 - real).mean() + F.relu(1 + fake).mean())
        return (fake.mean() - real.mean())*(.5 if self.mode == 'wgan-gp' else 1.)

    @no_autocast
    def generator(self, fake:torch.Tensor) -> torch.Tensor: # scores of made images; scalar
        "What the generator minimizes."
        return ((fake - 1)**2).mean() if self.mode == 'lsgan' else -fake.mean()

    def penalty(self, disc, real, fake, u=None): # see `grad_at_interpolates`; scalar, 0. where the mode has none
        "The gradient penalty that belongs to the mode."
        return self.penalty_of(disc, real, fake, u) if self.penalty_of else 0.
# %%
@no_autocast
def disc_matching_loss(
    fake:torch.Tensor, # scores of the reconstructions
    real:torch.Tensor, # scores of the images they reconstruct, same shape
) -> torch.Tensor: # scalar
    "Mean squared difference of the scores: a reconstruction must be judged as its original is."
    return ((fake - real)**2).mean()
