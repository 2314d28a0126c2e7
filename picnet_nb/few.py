# %% imports
from __future__ import annotations
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
import torch, torch.nn.functional as F
from torch import nn
from torch.distributions import Normal
from .data import augment
from .model import (PICNet, PICNetConfig, Context, Encoder, Generator, LatentNormal,
    composite, gaussian_head, visible_part)
from .train import TrainConfig, Term, KL, Appearance, Adversarial, Recipe
from .metrics import FeatureDistance, Lite0Features
# %%
@dataclass
class FewConfig(PICNetConfig):
    "A PICNet for few images."
    rank:int = 12           # directions in which all numbers of a code vary together; 0: none
    known_skip:bool = True  # show the generator the known pixels in what it has painted so far?
    blend:bool = True       # correct the colors of a completion so that it meets the known pixels?

    @property
    def blend_margin(self): return 16*self.blend     # pixels around the hole that a completion is compared with

    def __post_init__(self):
        super().__post_init__()
        if not (type(self.rank) is int and 0 <= self.rank <= 64): raise ValueError(
            f'rank is a whole number from 0 to 64, not {self.rank!r}')
        for k in ('known_skip', 'blend'):
            if not isinstance(getattr(self, k), bool): raise ValueError(
                f'{k} is True or False, not {getattr(self, k)!r}')
# %%
def pull_push(
    x:torch.Tensor, # (B, C, H, W), 0 where nothing is known
    known:torch.Tensor, # (B, 1, H, W) in [0, 1], how far each pixel is known
) -> torch.Tensor: # (B, C, H, W), the known pixels as they are, the others smoothly between them; 0 if nothing is known
    "Fill smoothly, by ever smaller images (Gortler et al. 1996)."
    h, w = x.shape[2:]
    if max(h, w) == 1: return known*x
    half = lambda o: F.avg_pool2d(F.pad(o, (0, w%2, 0, h%2)), 2)
    k = half(known)
    low = pull_push(half(known*x)/k.clamp_min(1e-6), (4*k).clamp(max=1))
    return known*x + (1 - known)*F.interpolate(low, (h, w), mode='bilinear')
# %%
def seamless_clone(
    image:torch.Tensor, # (B, 3, H, W) the known image
    completion:torch.Tensor, # (n*B, 3, H, W) the generator's, the n of an image in a row
    mask:torch.Tensor, # (B, 1, H, W) bool, True = hole
) -> torch.Tensor: # (n*B, 3, H, W), completion in the hole, without a seam; the known pixels bit for bit elsewhere
    "Known pixels from the image, the hole from the completion less its error around the hole (after Perez et al. 2003)."
    n = len(completion)//len(image)
    image, mask = image.repeat_interleave(n, 0), mask.repeat_interleave(n, 0)
    error = pull_push((image - completion).masked_fill(mask, 0).float(), visible_part(mask))
    return composite(image, (completion + error).clamp(-1, 1), mask)
# %%
class LowRankNormal(LatentNormal):
    "Independent normals, and `k` loadings, each times one standard normal score, added to all numbers of a code."
    def __init__(self, mean, stddev, loadings): # (B, z, h, w), (B, z, h, w), (B, k, z, h, w)
        super().__init__(mean, stddev)
        self.loadings = loadings

    @property
    def noise_shape(self): z, h, w = self.mean.shape[1:]; return z + self.loadings.shape[1], h, w

    def reparameterize(self, eps): # (B, z + k, h, w) standard normal
        # a score is the sum of its channel, scaled to be standard normal too
        score = eps[:, self.mean.shape[1]:].sum((2, 3))/(eps.shape[2]*eps.shape[3])**.5
        # detached: the KL alone teaches the loadings
        return super().reparameterize(eps) + (score[..., None, None, None]*self.loadings.detach()).sum(1)
# %%
def kl_lowrank(
    q:Normal, # (B, ...) the distribution that the mean is taken over, its numbers independent
    p:LowRankNormal, # (B, ...) the distribution it is compared with
) -> torch.Tensor: # (B,) KL(q || p) of all numbers of a code together, in nats
    "As torch's `kl_divergence` to a `LowRankMultivariateNormal`, but a CUDA graph can hold it."
    with torch.autocast(p.loadings.device.type, enabled=False):
        a, s, b, t = (o.flatten(1) for o in (q.loc, q.scale, p.loc, p.scale))
        v, shift, ratio = p.loadings.flatten(2)/t[:, None], (a - b)/t, s/t
        capacitance = torch.eye(v.shape[1], device=v.device) + v @ v.mT
        low = torch.linalg.cholesky_ex(capacitance)[0]     # _ex: never waits for a GPU to say that it went well
        inside = lambda o: torch.linalg.solve_triangular(low, o, upper=False).square().sum((1, 2))
        explained = inside(v*ratio[:, None]) + inside(v @ shift[..., None])     # by the loadings
        diagonal = (ratio.square() + shift.square() - 1 - 2*ratio.log()).sum(1)
        return .5*(diagonal - explained) + low.diagonal(dim1=1, dim2=2).log().sum(1)
# %%
class FewContext(NamedTuple):
    "What the generator gets to know of the visible image, and the image itself."
    f_m:torch.Tensor   # as in `Context`
    f_e:torch.Tensor
    m:torch.Tensor
    known:torch.Tensor # (B, 4, H/2, W/2), the visible image times its visible part, and that part

    map = Context.map
# %%
class FewEncoder(Encoder):
    "An encoder whose prior has common factors."
    def __init__(self, cfg:FewConfig):
        super().__init__(cfg)
        c, act = self.prior_head.conv1.in_channels, nn.LeakyReLU(.1)
        self.factor_head = nn.Sequential(nn.Conv2d(c, c, 1), act, nn.Conv2d(c, c, 3, padding=1), act,
                                         nn.Conv2d(c, cfg.rank*cfg.latent, 1)) if cfg.rank else None
        if cfg.rank: self.factor_head[-1].weight.data.mul_(.1)      # small at the start

    def prior(self, f):
        if self.factor_head is None: return super().prior(f)
        h = self.infer_prior(f)
        d, loadings = gaussian_head(self.prior_head(h)), self.factor_head(h).float()
        return LowRankNormal(d.mean, d.stddev, loadings.unflatten(1, (-1, d.mean.shape[1])))
# %%
class FewGenerator(Generator):
    "A generator that sees the known pixels, without a seam, in what it has painted so far."
    def skip(self, image, context):
        if not hasattr(context, 'known'): return image
        k = F.adaptive_avg_pool2d(context.known, image.shape[2:])
        error = k[:, :3]/k[:, 3:].clamp_min(1e-6) - image.float()
        return (image + pull_push(error, k[:, 3:])).to(image.dtype)
# %%
class FewPICNet(PICNet):
    "PICNet with a low-rank prior, known pixels shown to the generator, and seamless completions (ours)."
    encoder_type, generator_type, config_type = FewEncoder, FewGenerator, FewConfig

    @property
    def noise_channels(self): return self.config.latent + self.config.rank

    def context(self, f, visible, mask):
        c = super().context(f, visible, mask)
        if not self.config.known_skip: return c
        return FewContext(*c, F.avg_pool2d(torch.cat([visible, visible_part(mask)], 1), 2))

    def composite(self, image, completion, mask):
        return (seamless_clone if self.config.blend else super().composite)(image, completion, mask)
# %%
class LowRankKL(KL):
    "Both divergences, the second to a low-rank plus diagonal prior."
    def to_prior(self, q, out): return kl_lowrank(q, out.prior).mean()/q.mean[0].numel()
# %%
@dataclass
class HoleAppearance(Appearance):
    "A share of the error in the hole too, and a larger one where the best of many codes was chosen."
    hole:float = .1 # share ...
    best:float = .8 # ... of the best code

    def where(self, out):
        seen, chosen = visible_part(out.mask), getattr(out, 'chosen', torch.zeros(len(out.mask), dtype=torch.bool))
        share = torch.where(chosen, self.best, self.hole).to(seen)[:, None, None, None]
        return seen + share*(1 - seen)
# %%
@dataclass
class BestOfMany:
    "In half of the images, the code that comes closest to the truth in the hole (Bhattacharyya et al. 2018)."
    k:int = 8 # codes

    def random(self): return dict(best=())

    def __call__(self, out, eps): # (B, k, z, h, w)
        out.chosen = out.batch['best'] < .5
        codes = torch.stack([out.prior.reparameterize(o) for o in eps.unbind(1)], 1)
        which = torch.zeros(len(codes), dtype=torch.long, device=codes.device)
        # a GPU compares all codes, which makes the same work of each step; a CPU only those that count
        some = slice(None) if codes.is_cuda else out.chosen.nonzero()[:, 0]
        if codes.is_cuda or len(some): which[some] = self.closest(out, codes, some)
        return codes[torch.arange(len(codes), device=codes.device), which*out.chosen]

    @torch.no_grad()
    def closest(self, out, codes, some):
        "Compare at an eighth of the size by L1; in eval mode, so that the spectral norms stay where they are."
        g = out.net.generator
        context = out.context.map(lambda t: t[some].repeat_interleave(self.k, 0))
        made = g.eval().coarse(codes[some].flatten(0, 1), context)[0].float().unflatten(0, (-1, self.k))
        g.train()
        truth, hole = (F.adaptive_avg_pool2d(o[some].float(), made.shape[-2:]) for o in (out.image, out.mask))
        return ((made - truth[:, None]).abs()*hole[:, None]).sum((2, 3, 4)).argmin(1)
# %%
def diff_augment(
    x:torch.Tensor, # (B, 3, H, W) in [-1, 1]
    u:torch.Tensor, # (B, 7) uniform: shift down, shift across, mirror, turn, brightness, saturation, contrast
    shift:float=.1, # largest shift, share of the side
    degrees:float=5, # largest turn, to either side
) -> torch.Tensor: # (B, 3, H, W)
    "Random mirror image, shift, turn and change of color (Zhao et al. 2020); the same `u` changes alike."
    pad = max(1, round(shift*x.shape[-1]))
    x = augment(F.pad(x, (pad,)*4, mode='reflect'), tuple(x.shape[2:]), u[:, :4], degrees)
    bright, color, contrast = (2*u[:, 4:, None, None, None] - 1).unbind(1)
    x, gray, mean = x + .2*bright, x.mean(1, keepdim=True) + .2*bright, x.mean((1, 2, 3), keepdim=True) + .2*bright
    return mean + (gray + (x - gray)*(1 + .4*color) - mean)*(1 + .3*contrast)
# %%
@lru_cache(2)
def frozen_features(device:torch.device) -> FeatureDistance:
    "The network that the feature terms look through, one for all of them."
    return FeatureDistance(Lite0Features()).to(device, memory_format=torch.channels_last)
# %%
def feature_maps(
    out, # `TwoPaths`
) -> tuple: # maps of the truth, of the reconstruction, of the generation; the hole (B, 3, H, W), moved alike
    "Show truth and composites, augmented alike, to the frozen network; once for all terms."
    if hasattr(out, 'feature_maps'): return out.feature_maps
    net, u = frozen_features(out.image.device), out.batch['augment']
    with torch.no_grad(): real = net.maps(diff_augment(out.image, u))
    made = net.maps(torch.cat([diff_augment(o.float(), u) for o in out.composites]))
    rec, gen = zip(*(o.chunk(2) for o in made))
    still = torch.cat([u[:, :4], torch.full_like(u[:, 4:], .5)], 1)     # the hole moves, but has no colors to change
    out.feature_maps = real, list(rec), list(gen), diff_augment(out.mask.float(), still)
    return out.feature_maps
# %%
@dataclass
class Perceptual(Term):
    "Distance of the features to the truth's (LPIPS without weights from people's judgments)."
    rec:float = .5 # weight on the reconstructive path ...
    gen:float = .06 # ... and on the generative one

    def random(self): return dict(augment=(7,))

    def generator(self, out):
        real, rec, gen, _ = feature_maps(out)
        distance, unit = frozen_features(out.image.device), lambda maps: [F.normalize(o, dim=1) for o in maps]
        compare = lambda made: distance.compare(unit(real), unit(made)).mean()
        return dict(feat_rec=self.rec*compare(rec), feat_gen=self.gen*compare(gen))
# %%
def gram(
    f:torch.Tensor, # (B, C, h, w) features
    hole:torch.Tensor, # (B, 1, H, W) in [0, 1]
) -> torch.Tensor: # (B, C, C)
    "Mean products of two channels in the hole."
    w = F.adaptive_avg_pool2d(hole, f.shape[2:]).flatten(2)
    f = f.float().flatten(2)*w
    return f @ f.mT/w.square().sum(2, keepdim=True).clamp_min(1e-3)
# %%
@dataclass
class Style(Term):
    "Gram matrices in the hole against the truth's (Gatys et al. 2016), on both paths."
    weight:float = .1

    def random(self): return dict(augment=(7,))

    def loss(self, true, made, hole): # without the smallest maps, which have hardly any places
        pairs = [(gram(a, hole), gram(b, hole)) for a, b in zip(true[:-1], made[:-1])]
        return sum((a - b).square().sum((1, 2))/a.square().sum((1, 2)).mean() for a, b in pairs).mean()

    def generator(self, out):
        real, rec, gen, hole = feature_maps(out)
        return dict(style_rec=self.weight*self.loss(real, rec, hole), style_gen=self.weight*self.loss(real, gen, hole))
# %%
def band_contrast(
    x:torch.Tensor, # (B, 3, H, W)
    hole:torch.Tensor, # (B, 1, H, W) in [0, 1]
    bands:int=3, # of 2 to 4 pixels, 4 to 8, ...
    window:int=9, # side, in pixels of the band's own image
) -> list: # [(B, 1, H, W), (B, 1, H/2, W/2), ...]
    "Local RMS contrast of each Laplacian band, over the hole."
    res, x, near = [], x.float(), lambda o: F.avg_pool2d(o, window, 1, window//2)
    for _ in range(bands):
        small = F.avg_pool2d(x, 2)
        power = (x - F.interpolate(small, scale_factor=2., mode='bilinear')).square().mean(1, keepdim=True)
        res.append((near(power*hole)/near(hole).clamp_min(1e-3) + 1e-5).sqrt())      # the root has no slope at 0
        x, hole = small, F.avg_pool2d(hole, 2)
    return res
# %%
def band_contrast_loss(
    true:torch.Tensor, # (B, 3, H, W)
    made:torch.Tensor, # (n*B, 3, H, W), composites, those of one path after those of the other
    mask:torch.Tensor, # (B, 1, H, W) bool, True = hole
    interior:float=1., # weight of a place 10 pixels or more inside the hole, beside one at the rim
) -> torch.Tensor: # (n*B,)
    "How different the contrasts of the three finest bands are in the hole."
    hole, total, paths = mask.float(), 0., lambda o: o.repeat(len(made)//len(true), 1, 1, 1)
    known = F.avg_pool2d(F.avg_pool2d(1 - hole, (21, 1), 1, (10, 0)), (1, 21), 1, (0, 10))      # share of 21x21 pixels
    near = (2*known).clamp(max=1)      # at a straight rim half of them are known
    weight = hole*(near + interior*(1 - near))
    for a, b in zip(band_contrast(true, hole), band_contrast(made, paths(hole))):
        w, size = (paths(F.adaptive_avg_pool2d(o, a.shape[2:])) for o in (weight, hole))
        total = total + ((paths(a) - b).abs()*w).sum((1, 2, 3))/size.sum((1, 2, 3)).clamp_min(1e-3)
    return total
# %%
@dataclass
class BandContrast(Term):
    "As much contrast in the finest bands as the truth has, on both paths."
    weight:float = 12.
    interior:float = .15 # see `band_contrast_loss`

    def generator(self, out):
        loss = band_contrast_loss(out.image, torch.cat(out.composites), out.mask, self.interior)
        rec, gen = loss.chunk(2)
        return dict(detail_rec=self.weight*rec.mean(), detail_gen=self.weight*gen.mean())
# %%
class PatchDiscriminator(nn.Module):
    "Scores of an image's 16x16 patches, of which those in the hole count (after Isola et al. 2017)."
    def __init__(self, width:int=48): # channels of the first convolution; they double twice
        super().__init__()
        w, conv = width, lambda a, b, k, stride: nn.Conv2d(a, b, k, stride, 1)
        self.layers = nn.ModuleList([conv(4, w, 4, 2), conv(w, 2*w, 4, 2), conv(2*w, 4*w, 4, 2), conv(4*w, 4*w, 4, 2),
                                     conv(4*w, 4*w, 3, 1), conv(4*w, 1, 3, 1)])
        for o in self.layers: nn.init.normal_(o.weight, std=o.weight[0].numel()**-.5); nn.init.zeros_(o.bias)

    def forward(self,
        image:torch.Tensor, # (B, 3, H, W)
        mask:torch.Tensor, # (B, 1, H, W) bool, True = hole
    ) -> tuple: # scores (B, 1, H/16, W/16); weights, 0 outside the hole, of mean 1 in each image with a hole
        cells, x = F.max_pool2d(mask.float(), 16), torch.cat([image.float(), 2*mask.float() - 1], 1)
        for o in self.layers[:-1]: x = 2**.5*F.leaky_relu(o(x), .2)      # √2 keeps the spread of the values
        return self.layers[-1](x).float(), cells/cells.mean((1, 2, 3), keepdim=True).clamp_min(1e-6)
# %%
@dataclass
class Patch(Term):
    "A discriminator that looks at the hole alone."
    weight:float = .1

    def __post_init__(self): self.net = PatchDiscriminator()

    def discriminator(self, out):
        made, holes = torch.cat(out.composites).detach(), out.mask.repeat(2, 1, 1, 1)
        (real, w), (fake, v) = self.net(out.image, out.mask), self.net(made, holes)
        return dict(patch=(w*F.softplus(-real)).mean() + (v*F.softplus(fake)).mean())

    def generator(self, out):
        score, w = self.net(torch.cat(out.composites), out.mask.repeat(2, 1, 1, 1))
        return dict(patch_gen=self.weight*(w*F.softplus(-score)).mean()*2)
# %%
@dataclass
class R1(Term):
    "How steep the patch discriminator's scores in the hole are at real images (Mescheder et al. 2018)."
    patch:Patch
    weight:float = 1e-3
    every:int = 4

    def discriminator(self, out):
        image = out.image.detach().requires_grad_()
        score, w = self.patch.net(image, out.mask)
        grad, = torch.autograd.grad((score*(w > 0)).sum(), image, create_graph=True)
        return dict(r1=self.every*self.weight*grad.float().square().sum((1, 2, 3)).mean())
# %%
def few_pictures(**options) -> Recipe: # fields of `TrainConfig`
    "What the bundled weights were trained with: some thousand images, some hours of a CPU or minutes of a GPU."
    masks = 'center', 'rectangles', 'strokes'
    cfg = TrainConfig(**dict(masks=masks, lr=4e-4, betas=(.9, .99), warmup=50, decay=.5, ema=.998) | options)
    terms = [LowRankKL(5, .5, 'paper'), HoleAppearance(20, hole=.1, best=.8), Adversarial(.05, composite=True, every=4),
             Perceptual(.5, .06), Style(.1), BandContrast(12, .15)]
    model = FewConfig(image_size=cfg.size, masks=cfg.masks, attention='simam')
    return Recipe(cfg, terms, BestOfMany(8), model, FewPICNet)
