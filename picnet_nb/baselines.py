# %% imports
from __future__ import annotations
from collections.abc import Callable
from dataclasses import dataclass
import torch.nn.functional as F
from .losses import kl_normal, mask_prior, pyramid_loss
from .model import visible_part
from .train import Term, KL, Adversarial
# %%
def mean_code(out, eps): # see `train.first_code`
    "No chance: the prior's mean."
    return out.prior.mean
# %%
@dataclass
class OneAppearance(Term):
    "Reconstruct one path: everything, or what is visible alone."
    weight:float = 20.
    path:str = 'gen' # or 'rec'
    visible:bool = False
    loss:Callable = F.l1_loss

    def generator(self, out):
        where = visible_part(out.mask) if self.visible else None
        return dict(app_gen=self.weight*pyramid_loss(getattr(out, self.path), out.image, where, self.loss))
# %%
@dataclass
class OneAdversarial(Adversarial):
    "Look real on one path."
    path:str = 'gen' # or 'rec'

    def seen(self, out): # rec and gen are one
        made = super().seen(out)['rec gen'.split().index(self.path)]
        return made, made

    def discriminator(self, out): return {k: v for k, v in super().discriminator(out).items() if k == 'disc'}
    def generator(self, out): return {k: v for k, v in super().generator(out).items() if k == 'adv_gen'}
# %%
class JointKL(KL):
    "CVAE: posterior and prior are drawn together."
    def generator(self, out): return dict(kl_gen=4*self.weight*self.to_prior(out.posterior, out))
# %%
class PriorKL(KL):
    "Instance blind: the prior is drawn to the one that the hole's size alone gives."
    def generator(self, out):
        return dict(kl_gen=4*self.weight*kl_normal(out.prior, mask_prior(out.mask, out.prior.mean)).mean())
