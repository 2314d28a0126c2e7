# %% imports
from __future__ import annotations
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from collections.abc import Callable
import torch, torch.nn.functional as F
from torch import nn
from torch.distributions import Normal
from .data import to_device
from .masks import make_masks
from .model import PICNet, PICNetConfig, visible_part
from .losses import kl_normal, mask_prior, pyramid_loss, GANLoss, disc_matching_loss
# %%
@dataclass
class TrainConfig:
    "What a run is; what it minimizes is a list of terms. The defaults are the released code's."
    size:int = 128             # side of the training images, pixels
    batch:int = 8              # images in a step, of all processes together
    steps:int = 100_000        # length of the run
    lr:float = 1e-4            # learning rate of both Adams
    betas:tuple = (0., .999)   # of both Adams
    warmup:int = 0             # steps over which the learning rate rises, at the start
    decay:float = 0.           # share of the steps, at the end, over which it falls to 0
    masks:tuple = ('rectangles', 'strokes') # kinds of holes, each image gets one
    ema:float = .999           # decay of the averaged weights, which make the completions
    amp:str = 'auto'           # mixed precision: 'no', 'bf16', 'fp16'; 'auto': what the GPU likes, none on a CPU
    seed:int = 0               # of weights, images, holes and codes
    save_every:int = 1000      # steps between checkpoints

    def __post_init__(self):
        self.masks = (self.masks,) if isinstance(self.masks, str) or callable(self.masks) else tuple(self.masks)
        self.betas = tuple(self.betas)
        for k in ('size', 'batch', 'steps', 'save_every'):
            if getattr(self, k) < 1: raise ValueError(f'{k} must be at least 1, not {getattr(self, k)}')
        if self.size%32: raise ValueError(f'size must be a multiple of 32, not {self.size}')
        if not 0 < self.lr < float('inf'): raise ValueError(f'lr must be above 0, not {self.lr}')
        if self.amp not in ('auto', 'no', 'bf16', 'fp16'): raise ValueError(
            f'amp is auto, no, bf16 or fp16, not {self.amp!r}')
# %%
def first_code(
    out:'TwoPaths', # with the distributions, not yet decoded
    eps:torch.Tensor, # (B, 1, z, h, w) standard normal
) -> torch.Tensor: # (B, z, h, w)
    "The code that the generative path decodes: a draw from the prior."
    return out.prior.reparameterize(eps[:, 0])
# %%
class TwoPaths:
    "One batch on its way through both paths (fig. 2): distributions, and images of four sizes."
    def __init__(self,
        net:PICNet,
        batch:dict, # image (B, 3, H, W), mask (B, 1, H, W) bool, eps (B, 1 + k, z, h, w), and what the terms asked for
        choose:Callable=first_code, # the code of the generative path
    ):
        self.net, self.batch, self.image, self.mask = net, batch, batch['image'], batch['mask']
        self.prior, self.posterior, self.context = net.encode_both(self.image, self.mask)
        z_rec = self.posterior.reparameterize(batch['eps'][:, 0])
        z_gen = choose(self, batch['eps'][:, 1:])
        images = net.decode(torch.cat([z_rec, z_gen]), self.context.map(lambda t: torch.cat([t, t])))
        self.rec, self.gen = (list(o) for o in zip(*(o.chunk(2) for o in images)))     # small to large

    @cached_property
    def composites(self): # of reconstructive and generative path, (B, 3, H, W) each
        "The largest images with the known pixels put back."
        return [self.net.composite(self.image, o[-1], self.mask) for o in (self.rec, self.gen)]
# %%
class Term:
    "Part of the objective: named, weighted losses. What it asks for in `random` is drawn with each batch."
    every = 1 # steps
    def due(self, step): return step%self.every == 0
    def random(self): return {} # name -> shape, without the batch, of uniform numbers in [0, 1)
    def discriminator(self, out): return {} # name -> loss of the discriminators
    def generator(self, out): return {} # name -> loss of encoder and generator
# %%
@dataclass
class KL(Term):
    "Both divergences of the codes (eq. 6 and 7), times the four output scales, as the released code has it."
    weight:float = 20.
    posterior:float|None = None # weight of the posterior's own, if it is to differ
    order:str = 'code'          # the posterior's own: 'code', KL(m||q) as released, or 'paper', KL(q||m)

    def to_prior(self, q, out): return kl_normal(q, out.prior).mean()

    def generator(self, out):
        q, m = out.posterior, mask_prior(out.mask, out.posterior.mean)
        fixed = Normal(q.mean.detach(), q.stddev.detach(), validate_args=False)    # q stays, the prior follows
        own = kl_normal(m, q) if self.order == 'code' else kl_normal(q, m)
        weight = self.weight if self.posterior is None else self.posterior
        return dict(kl_rec=4*weight*own.mean(),                                    # eq. 6
                    kl_gen=4*self.weight*self.to_prior(fixed, out))                # eq. 7
# %%
@dataclass
class Appearance(Term):
    "Reconstruct everything on one path (eq. 8), what is visible on the other (eq. 9), at four sizes."
    weight:float = 20.
    loss:Callable = F.l1_loss # pixel loss of two images

    def where(self, out): return visible_part(out.mask) # what the generative path must reproduce

    def generator(self, out):
        return dict(app_rec=self.weight*pyramid_loss(out.rec, out.image, None, self.loss),             # eq. 8
                    app_gen=self.weight*pyramid_loss(out.gen, out.image, self.where(out), self.loss))  # eq. 9
# %%
@dataclass
class Adversarial(Term):
    "Be judged as the original is on one path (eq. 10), look real on the other (eq. 11)."
    weight:float = 1.
    gan:str = 'lsgan'       # see `GANLoss`
    composite:bool = False  # show the discriminators images with the known pixels put back? The paper doesn't
    every:int = 1           # steps from one lesson to the next

    def __post_init__(self): self.loss = GANLoss(self.gan)
    def random(self): return dict(mix=(2,)) if self.loss.penalty_of else {}
    def seen(self, out): return out.composites if self.composite else [out.rec[-1], out.gen[-1]]

    def discriminator(self, out):
        rec, gen = (o.detach() for o in self.seen(out))
        mix = out.batch.get('mix', torch.zeros(len(gen), 2)).unbind(1)
        def lesson(disc, fake, u):
            return self.loss.discriminator(disc(out.image), disc(fake)) + self.loss.penalty(disc, out.image, fake, u)
        return dict(disc=lesson(out.net.disc, gen, mix[0]), disc_rec=lesson(out.net.disc_rec, rec, mix[1]))

    def generator(self, out):
        rec, gen = self.seen(out)
        match = disc_matching_loss(out.net.disc_rec(rec), out.net.disc_rec(out.image))
        return dict(adv_rec=self.weight*match,                                     # eq. 10
                    adv_gen=self.weight*self.loss.generator(out.net.disc(gen)))    # eq. 11
# %%
@dataclass
class Recipe:
    "What a preset or a configuration file gives: a run, an objective, a network."
    config:TrainConfig
    terms:list
    choose:Callable = first_code
    model:PICNetConfig = field(default_factory=PICNetConfig)
    network:type = PICNet
# %%
def paper(
    gan:str='lsgan', # see `GANLoss`
    **options, # fields of `TrainConfig`
) -> Recipe:
    "The paper's objective, with the released code's weights."
    cfg = TrainConfig(**options)
    model = PICNetConfig(image_size=cfg.size, masks=cfg.masks)
    return Recipe(cfg, [KL(20), Appearance(20), Adversarial(1, gan)], model=model)
# %%
def draw_batch(
    data, # see `Trainer`
    cfg:TrainConfig,
    channels:int, # of the noise
    asking:list, # terms, and who chooses the code
    generator:torch.Generator,
) -> dict: # name -> tensor; see `TwoPaths`
    "All that is random in a step."
    n, side = cfg.batch, cfg.size//32
    k = max(getattr(o, 'k', 1) for o in asking)     # codes to choose from
    batch = dict(image=data.batch(n, generator), mask=make_masks(cfg.masks, n, cfg.size, generator),
                 eps=torch.randn(n, 1 + k, channels, side, side, generator=generator))
    shapes = {name: shape for o in asking for name, shape in getattr(o, 'random', dict)().items()}
    return batch | {name: torch.rand(n, *shape, generator=generator) for name, shape in shapes.items()}
# %%
def adam(nets:list, cfg:TrainConfig) -> torch.optim.Adam:
    "The optimizer of the released code, one pass over all weights where PyTorch can."
    params = [p for net in nets for p in net.parameters()]
    return torch.optim.Adam(params, cfg.lr, cfg.betas, fused=params[0].device.type in ('cpu', 'cuda') or None)
# %%
class Trainer:
    "Two paths, two Adams; averages, schedules, logs and checkpoints are callbacks."
    def __init__(self,
        net:PICNet,
        data, # anything with `.batch(n, generator)` -> (n, 3, size, size) in [-1, 1]
        cfg:TrainConfig|None=None,
        terms:list|None=None, # of the objective; the paper's if not given
        cbs:list=(), # objects with any of before_fit, before_step, after_backward, after_step, after_fit, cleanup
        choose:Callable=first_code, # the code of the generative path
        device=None, # a GPU if there is one
    ):
        self.cfg, self.data, self.cbs, self.choose = cfg or TrainConfig(), data, list(cbs), choose
        self.terms = paper().terms if terms is None else terms
        self.device = torch.device(device or ('cuda' if torch.cuda.is_available() else 'cpu'))
        self.net = net.train().requires_grad_(True)
        self.discs = nn.ModuleList([net.disc, net.disc_rec, *(o.net for o in self.terms if hasattr(o, 'net'))])
        for o in (self.net, self.discs): o.to(self.device, memory_format=torch.channels_last)
        self.opt_g, self.opt_d = adam([net.encoder, net.generator], self.cfg), adam([self.discs], self.cfg)
        self.rng, self.step, self.steps = torch.Generator().manual_seed(self.cfg.seed), 0, self.cfg.steps
        self.stop, self.losses = False, {}
        self.autocast, self.scaler = nullcontext, torch.amp.GradScaler(enabled=False)     # set by `MixedPrecision`
        self.share, self.main = slice(None), True                                         # set by `Processes`

    def call(self, event:str, *args):
        for o in self.cbs: getattr(o, event, lambda *a: None)(self, *args)

    def draw(self) -> dict: # see `draw_batch`; of several processes each keeps its share
        batch = draw_batch(self.data, self.cfg, self.net.noise_channels, [*self.terms, self.choose], self.rng)
        return {k: to_device(v[self.share] if len(v) == self.cfg.batch else v, self.device) for k, v in batch.items()}

    def learn(self, opt, who:str, out, due):
        "Gradients and a step for the sum of the losses of all terms (eq. 5)."
        with self.autocast():
            losses = {k: v for o, now in zip(self.terms, due) if now for k, v in getattr(o, who)(out).items()}
        if losses:
            self.scaler.scale(sum(losses.values())).backward()
            self.call('after_backward', opt)
            self.scaler.step(opt)
        return {k: v.detach() for k, v in losses.items()}

    def work(self, batch:dict, due:tuple) -> dict: # which terms count in this step; name -> loss
        for opt in (self.opt_g, self.opt_d): opt.zero_grad()
        with self.autocast(): out = TwoPaths(self.net, batch, self.choose)
        losses = self.learn(self.opt_d, 'discriminator', out, due)
        self.discs.requires_grad_(False)      # the generator's losses pass through them, but don't teach them
        losses |= self.learn(self.opt_g, 'generator', out, due)
        self.discs.requires_grad_(True)
        return losses

    def one_step(self):
        self.call('before_step')
        self.losses = self.work(self.draw(), tuple(o.due(self.step) for o in self.terms))
        self.scaler.update()
        self.step += 1
        self.call('after_step')

    def fit(self):
        "Train up to the configured step, or until `stop` is set."
        try:
            self.call('before_fit')
            while self.step < self.steps and not self.stop: self.one_step()
            self.call('after_fit')
        finally: self.call('cleanup')
        return self
