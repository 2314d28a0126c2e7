# %% imports
from __future__ import annotations
import copy, json
from dataclasses import dataclass, asdict, fields
from pathlib import Path
from typing import NamedTuple
import safetensors.torch, torch, torch.nn.functional as F
from torch import nn
from torch.distributions import Normal
from .data import write_atomic
from .layers import ResBlock, UpBlock, ToRGB, Attention, SimAM, spectral_norm, remove_spectral_norm
# %%
@dataclass
class PICNetConfig:
    "What a PICNet looks like, and what it was trained for. The defaults are the released model's."
    image_size:int = 256       # side of the training images, pixels
    width:int = 32             # channels of the first encoder block; they double with each block ...
    max_width:int = 128        # ... up to here, at most 4*width
    latent:int = 128           # channels of the latent code
    norm:str = 'instance'      # of the generator: 'none', 'instance' or 'group'
    attention:str = 'none'     # before the short + long term attention: 'none' or 'simam'
    masks:tuple = ('rectangles', 'strokes') # kinds of holes it was trained on
    data:str = ''              # the images it was trained on, in words

    def __post_init__(self):
        self.masks = (self.masks,) if isinstance(self.masks, str) else tuple(self.masks)
        for k, most in dict(image_size=1024, width=512, max_width=2048, latent=2048).items():
            v = getattr(self, k)
            if not (type(v) is int and 1 <= v <= most): raise ValueError(
                f'{k} is a whole number from 1 to {most}, not {v!r}')
        if self.image_size%32 or self.image_size < 64: raise ValueError(
            f'image_size is a multiple of 32, at least 64, not {self.image_size}')
        if self.max_width > 4*self.width: raise ValueError(f'max_width is {self.max_width}, but can be at most '
            f'4*width = {4*self.width}: the attention needs equal channels at 1/8 and 1/16 of the size')
        if self.attention not in ('none', 'simam'): raise ValueError(
            f"attention is 'none' or 'simam', not {self.attention!r}")

    @classmethod
    def from_dict(cls, d:dict):
        "From a dict as in a file of weights; unknown keys are an error that names them."
        unknown = sorted({*d} - {f.name for f in fields(cls)})
        if unknown: raise ValueError(f'unknown keys in the model configuration: {unknown}; made by a newer version?')
        return cls(**d)

    def to_dict(self): return asdict(self)
# %%
def visible_part(
    mask:torch.Tensor, # (B, 1, H, W) bool, True = hole
) -> torch.Tensor: # (B, 1, H, W) float, 1 = visible
    "The mask M as the paper's formulas write it."
    return 1 - mask.float()
# %%
def mask_image(
    image:torch.Tensor, # (B, 3, H, W) in [-1, 1]
    mask:torch.Tensor, # (B, 1, H, W) bool, True = hole
) -> tuple: # each (B, 3, H, W), 0 elsewhere
    "The visible part $I_m$ of images and its complement $I_c$, the content of the hole."
    return image.masked_fill(mask, 0), image.masked_fill(~mask, 0)
# %%
def composite(
    image:torch.Tensor, # (..., 3, H, W) the known image
    completion:torch.Tensor, # (..., 3, H, W) what the generator made
    mask:torch.Tensor, # (..., 1, H, W) bool, True = hole
) -> torch.Tensor: # completion in the hole, the known pixels bit for bit elsewhere
    "Known pixels from the image, the hole from the completion."
    return torch.where(mask, completion.to(image.dtype), image)
# %%
def check_inputs(
    image:torch.Tensor, # (B, 3, H, W)
    mask:torch.Tensor, # (B, 1, H, W)
):
    "Raise a `ValueError` that says what is wrong if images and masks can't be completed together."
    if image.ndim != 4 or image.shape[1] != 3: raise ValueError(f'images are (B, 3, H, W), not {tuple(image.shape)}')
    if mask.dtype != torch.bool: raise ValueError(
        f'masks are bool, True where to fill, not {mask.dtype}; write mask > 0.5')
    B, _, H, W = image.shape
    if mask.shape != (B, 1, H, W): raise ValueError(
        f'masks for images {tuple(image.shape)} are {(B, 1, H, W)}, not {tuple(mask.shape)}')
    if H%32 or W%32: raise ValueError(
        f'height and width must be multiples of 32, not {H} and {W}; the Completer takes any size')
# %%
class LatentNormal(Normal):
    "Distribution of latent codes: independent normals, $q_\\psi$ or $p_\\phi$ of the paper."
    def __init__(self, mean, stddev): super().__init__(mean, stddev, validate_args=False) # (B, z, h, w) each

    @property
    def noise_shape(self): return self.mean.shape[1:] # of the noise that makes a code

    def reparameterize(self, eps): # (B, >= z, h, w) standard normal
        "The codes that standard normal noise makes."
        return self.mean + self.stddev*eps[:, :self.mean.shape[1]]
# %%
def gaussian_head(
    h:torch.Tensor, # (B, 2z, h, w): means, then raw deviations
) -> LatentNormal: # of shape (B, z, h, w)
    "Read features as mean and (by softplus) standard deviation."
    mean, raw = h.float().chunk(2, 1)
    return LatentNormal(mean, F.softplus(raw).clamp_min(1e-6))
# %%
class Context(NamedTuple):
    "What the generator gets to know of the visible image, besides the latent code."
    f_m:torch.Tensor # (B, C, H/32, W/32), the encoder's last features
    f_e:torch.Tensor # (B, C, H/8, W/8), for the long term attention
    m:torch.Tensor   # (B, 1, H/8, W/8) float, 1 = visible; soft at the border of the hole

    def map(self, f): return type(self)(*map(f, self)) # the same with `f` of each tensor
# %%
def down_blocks(
    width:int, # channels of the first block
    max_width:int, # channels never exceed this
) -> nn.ModuleList:
    "The five residual blocks, each half the size, that encoder and discriminators share in shape."
    w = [min(width*2**i, max_width) for i in range(5)]
    down = [ResBlock(a, b, hidden=a, down=True) for a, b in zip(w, w[1:])]
    return nn.ModuleList([ResBlock(3, w[0], down=True, raw=True), *down])
# %%
class Encoder(nn.Module):
    "Features of an image, and the distributions of latent codes that they suggest (fig. 3)."
    def __init__(self, cfg:PICNetConfig):
        super().__init__()
        c = min(16*cfg.width, cfg.max_width)
        self.blocks = down_blocks(cfg.width, cfg.max_width)
        self.infer_prior = nn.Sequential(*[ResBlock(c, c) for _ in range(6)])
        self.prior_head = ResBlock(c, 2*cfg.latent, hidden=c)
        self.posterior_head = ResBlock(c, 2*cfg.latent, hidden=c)

    def forward(self, x): # (B, 3, H, W)
        "All five feature maps, large to small."
        features = []
        for block in self.blocks: features.append(x := block(x))
        return features

    def prior(self, f): return gaussian_head(self.prior_head(self.infer_prior(f)))
    def posterior(self, f): return gaussian_head(self.posterior_head(f))
# %%
class Generator(nn.Module):
    "A latent code and the context of the visible image become four images, small to large (fig. 3)."
    def __init__(self, cfg:PICNetConfig):
        super().__init__()
        w = [min(cfg.width*2**i, cfg.max_width) for i in reversed(range(5))]
        rgb = [0, 0, 3, 3, 3]   # channels of the image so far, which a block sees besides the features
        self.stem = ResBlock(cfg.latent, w[0])
        self.up = nn.ModuleList([UpBlock(a + r, b, cfg.norm) for a, b, r in zip([w[0], *w], w, rgb)])
        self.simam = SimAM() if cfg.attention == 'simam' else nn.Identity()
        self.attention = Attention(w[1])
        self.out = nn.ModuleList([ToRGB(c) for c in w[1:]])

    def coarse(self, z, context):
        "The image of an eighth of the size, and its features."
        x = self.up[1](self.up[0](self.stem(z) + context.f_m))
        x = self.attention(self.simam(x), context.f_e, context.m)
        return self.out[0](x), x

    def skip(self, image, context): return image   # what the next block sees of the image so far: all of it

    def forward(self,
        z:torch.Tensor, # (B, z, H/32, W/32) latent codes
        context:Context, # of the visible images
    ) -> list: # [(B, 3, H/8, W/8), ..., (B, 3, H, W)], each in [-1, 1]
        image, x = self.coarse(z, context)
        images = [image]
        for up, out in zip(self.up[2:], self.out[1:]):
            x = up(torch.cat([x, self.skip(images[-1], context)], 1))
            images.append(out(x))
        return images
# %%
class Discriminator(nn.Module):
    "An image becomes a map of scores, one per patch; high means real."
    def __init__(self, cfg:PICNetConfig):
        super().__init__()
        c = min(16*cfg.width, cfg.max_width)
        self.blocks = down_blocks(cfg.width, cfg.max_width)
        self.simam = SimAM() if cfg.attention == 'simam' else nn.Identity()
        self.attention = Attention(min(4*cfg.width, cfg.max_width))
        self.final, self.act, self.head = ResBlock(c, c), nn.LeakyReLU(.1), spectral_norm(nn.Conv2d(c, 1, 3))

    def forward(self,
        x:torch.Tensor, # (B, 3, H, W)
    ) -> torch.Tensor: # (B, 1, h, w), 2x2 at 128 px, 6x6 at 256 px
        for block in self.blocks[:3]: x = block(x)
        x = self.attention(self.simam(x))
        for block in self.blocks[3:]: x = block(x)
        x = self.act(self.final(x))
        return self.head(x if min(x.shape[-2:]) > 2 else F.pad(x, (1, 1, 1, 1)))   # 64 px have 2x2 places left
# %%
class PICNet(nn.Module):
    "Pluralistic image completion: encoder, generator and two discriminators (Zheng, Cham, Cai, CVPR 2019)."
    encoder_type, generator_type, config_type = Encoder, Generator, PICNetConfig

    def __init__(self, config:PICNetConfig|None=None): # the released model's if not given
        super().__init__()
        self.config = config or self.config_type()
        self.encoder, self.generator = self.encoder_type(self.config), self.generator_type(self.config)
        self.disc, self.disc_rec = Discriminator(self.config), Discriminator(self.config)

    @property
    def dtype(self): return self.encoder.blocks[0].conv1.bias.dtype   # of the weights
    @property
    def noise_channels(self): return self.config.latent   # of the noise that makes a code

    def context(self, f, visible, mask):
        "The context from the encoder's features `f` of the visible image."
        v = visible_part(mask)
        m = F.interpolate(v, size=f[2].shape[-2:], mode='bilinear', align_corners=True)
        return Context(f[-1], f[2], m)

    def prior(self,
        image:torch.Tensor, # (B, 3, H, W) in [-1, 1]; what is under the hole doesn't matter
        mask:torch.Tensor, # (B, 1, H, W) bool, True = hole
    ) -> tuple: # LatentNormal of shape (B, z, H/32, W/32), Context
        "$p_\\phi(z|I_m)$: codes that fit the visible image, and the generator's context."
        check_inputs(image, mask)
        visible = mask_image(image, mask)[0]
        f = self.encoder(visible.to(self.dtype))
        return self.encoder.prior(f[-1]), self.context(f, visible, mask)

    def posterior(self,
        image:torch.Tensor, # (B, 3, H, W) in [-1, 1]
        mask:torch.Tensor, # (B, 1, H, W) bool, True = hole
    ) -> LatentNormal: # of shape (B, z, H/32, W/32)
        "$q_\\psi(z|I_c)$: codes of what really is in the hole."
        check_inputs(image, mask)
        return self.encoder.posterior(self.encoder(mask_image(image, mask)[1])[-1])

    def encode_both(self, image, mask): # as `prior`
        "Prior, posterior and context, by one call of the encoder on twice the batch."
        check_inputs(image, mask)
        visible, hidden = mask_image(image, mask)
        n, f = len(image), self.encoder(torch.cat([visible, hidden]))
        return (self.encoder.prior(f[-1][:n]), self.encoder.posterior(f[-1][n:]),
                self.context([o[:n] for o in f], visible, mask))

    def decode(self,
        z:torch.Tensor, # (n*B, z, H/32, W/32) latent codes, the n codes of an image in a row
        context:Context, # of B visible images
    ) -> list: # [images (n*B, 3, ., .), small to large], raw: known pixels are painted too, see `composite`
        "Images of four sizes from latent codes."
        if len(z)%len(context.f_m): raise ValueError(
            f'{len(z)} latent codes cannot be shared out to {len(context.f_m)} images')
        if (B := len(context.f_m)) > 1: context = context.map(lambda t: t.repeat_interleave(len(z)//B, 0))
        return self.generator(z.to(context.f_m.dtype), context)

    def composite(self,
        image:torch.Tensor, # (B, 3, H, W) the known image
        completion:torch.Tensor, # (n*B, 3, H, W), the n completions of an image in a row
        mask:torch.Tensor, # (B, 1, H, W) bool, True = hole
    ) -> torch.Tensor: # (n*B, 3, H, W)
        "Put completions into their images."
        n = len(completion)//len(image)
        return composite(image.repeat_interleave(n, 0), completion, mask.repeat_interleave(n, 0))

    def score(self,
        image:torch.Tensor, # (B, 3, H, W) in [-1, 1]
    ) -> torch.Tensor: # (B,) the higher the more real
        "The discriminator's mean score of each image."
        if self.disc is None: raise ValueError('no discriminator in these weights: they can complete, but not score')
        return self.disc(image.to(self.dtype)).float().mean((1, 2, 3))
# %%
def sample_noise(
    n:int, # samples for each image
    prior:LatentNormal, # of B images
    generator:torch.Generator|list|None=None, # of all images, or one for each; torch's own if not given
) -> torch.Tensor: # (B, n, *prior.noise_shape) standard normal
    "Standard normal noise, drawn sample by sample, so that asking for more samples never changes the first ones."
    several = isinstance(generator, list)
    draw = lambda b, g: torch.randn(b, *prior.noise_shape, generator=g, device=g.device if g else 'cpu')
    def one_sample(): return torch.cat([draw(1, g) for g in generator]) if several else draw(len(prior.mean), generator)
    return torch.stack([one_sample() for _ in range(n)], 1).to(prior.mean)
# %%
@torch.no_grad()
def sample(
    net:PICNet,
    image:torch.Tensor, # (B, 3, H, W) in [-1, 1]
    mask:torch.Tensor, # (B, 1, H, W) bool, True = hole
    n:int=8, # samples for each image
    temperature:float=1., # 0: the prior's mean, 1: the full variety
    generator:torch.Generator|list|None=None, # for the same samples again; one, or one for each image
    batch:int=16, # decode at most so many images at once
) -> tuple: # completions (B, n, 3, H, W) with the known pixels bit for bit, latents (B, n, z, H/32, W/32)
    "`n` completions of each image, composited, and the latent codes that made them."
    prior, context = net.prior(image, mask)
    eps = sample_noise(n, prior, generator)
    z = torch.stack([prior.reparameterize(temperature*o) for o in eps.unbind(1)], 1)
    which = torch.arange(len(image), device=z.device).repeat_interleave(n)     # the image of each code
    parts = zip(which.split(batch), z.flatten(0, 1).split(batch))
    made = [net.decode(codes, context.map(lambda t: t[k]))[-1] for k, codes in parts]
    return net.composite(image, torch.cat(made).float(), mask).unflatten(0, (-1, n)), z
# %%
def save_weights(
    net:PICNet, # saved as it is now; EMA weights make the best images
    file:str|Path, # ends in .safetensors
    parts:tuple=('encoder', 'generator', 'disc', 'disc_rec'), # networks to save
    dtype:torch.dtype=torch.float32, # float16 halves the file
    **notes, # strings to keep in the header, such as step=500
) -> Path: # the file
    "Write plain weights and the configuration as safetensors; the file is there completely or not at all."
    plain = remove_spectral_norm(copy.deepcopy(net))
    state = {k: v.to('cpu', dtype).contiguous() for k, v in plain.state_dict().items() if k.split('.')[0] in parts}
    header = dict(format='pt', config=json.dumps(net.config.to_dict()), **{k: str(v) for k, v in notes.items()})
    write_atomic(file, lambda f: f.write(safetensors.torch.save(state, header)))
    return Path(file)
