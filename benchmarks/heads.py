"""Continue a training for some minutes, with projected heads: python -m benchmarks.heads IMAGES --minutes 8 --out OUT

Goes on from weights and, if there are any, from discriminators; writes both in float16, small enough to travel, with
log and samples: model.safetensors, discriminators.safetensors, log.csv, samples.png. Needs neither nbdev nor Jupyter.
  python -m benchmarks.heads FOLDER --pack IMAGES    makes a small copy of photographs: WebP, short side 152 pixels"""
import argparse
from pathlib import Path
import safetensors.torch, torch
from PIL import Image, ImageOps
from picnet_nb.callbacks import EMA, FinishStep, Log, MixedPrecision, Preview, Schedule, log_text
from picnet_nb.commands import start_net
from picnet_nb.data import list_images, open_image, open_images
from picnet_nb.fast import speed_up
from picnet_nb.few import R1, HoleAppearance, Patch, Projected, few_pictures
from picnet_nb.hub import bundled
from picnet_nb.model import save_weights
from picnet_nb.train import Adversarial, Trainer
from .graph import CUDAGraph

def pack(folder:Path, out:Path, side:int):
    "Photographs with a short side of `side` pixels, in the same folders."
    for file in list_images(folder):
        image, to = open_image(file), out/f'{file.relative_to(folder)}.webp'
        to.parent.mkdir(parents=True, exist_ok=True)
        ImageOps.cover(image, (side, side), Image.Resampling.LANCZOS).save(to, quality=86)

def resume(discs, file:str):
    "Load discriminators that were written; some may be missing in the file, or in this run."
    state = {k: v.float() for k, v in safetensors.torch.load_file(file).items()}
    if extra := discs.load_state_dict(state, strict=False).unexpected_keys:
        print(f'not used: {", ".join(extra[:3])} and others of {file}, as this run has no such discriminators')

class Keep:
    "Writes what a later run goes on from, each `every` steps and at the end."
    def __init__(self, out:Path, every:int): self.out, self.every = out, every

    def after_step(self, t):
        if t.step%self.every == 0: self.after_fit(t)

    def after_fit(self, t):
        save_weights(t.ema, self.out/'model.safetensors', ('encoder', 'generator', 'disc'), torch.float16, step=t.step)
        state = {k: v.half().cpu().contiguous() for k, v in t.discs[1:].state_dict().items()}      # all but `disc`
        safetensors.torch.save_file(state, self.out/'discriminators.safetensors')
        (self.out/'log.csv').write_text(log_text(t.log))

def callbacks(a, gpu:bool) -> list:
    return [FinishStep(), MixedPrecision(), EMA(), Schedule(None if a.steps else a.minutes, 60 if gpu else 20), Log(50),
            *([CUDAGraph()] if gpu else []), Keep(a.out, 1000), Preview(a.out, 1000)]

def parser(doc:str, minutes:float, heads:float, batch:int, out:str) -> argparse.ArgumentParser: # the defaults
    p = argparse.ArgumentParser(description=doc.splitlines()[0])
    p.add_argument('images', type=Path, help='a folder of photographs')
    p.add_argument('--weights', help='to start from (the bundled ones)')
    p.add_argument('--discriminators', help='to start from, of an earlier run (new ones)')
    p.add_argument('--minutes', type=float, default=minutes,
                   help=f'of the steps; reading and recording come on top ({minutes})')
    p.add_argument('--steps', type=int, help='so many, whatever they take')
    p.add_argument('--heads', type=float, default=heads,
                   help=f'weight of the heads; 0: heads.py has none, in generator.py they are not heard ({heads})')
    p.add_argument('--patch', type=float, default=.15, help='weight of the patch discriminator (0.15)')
    p.add_argument('--lr', type=float, default=2.5e-4, help='learning rate of the generator (2.5e-4)')
    p.add_argument('--size', type=int, default=128, help='of the images, pixels (128)')
    p.add_argument('--batch', type=int, default=batch, help=f'images in a step ({batch})')
    p.add_argument('--seed', type=int, default=0, help='of everything random (0)')
    p.add_argument('--out', type=Path, default=Path(out), help=f'folder for the results ({out})')
    return p

def trainer(a) -> Trainer:
    recipe = few_pictures(size=a.size, batch=a.batch, steps=a.steps or 10**6, lr=a.lr, betas=(.5, .99), warmup=200,
                          seed=a.seed)
    net = speed_up(start_net(recipe, a.weights or bundled()))      # which seeds what is new below
    kl, _, _, *rest = recipe.terms
    terms = [kl, HoleAppearance(20, hole=.1, best=1.), Adversarial(.1, composite=True, every=2), *rest,
             patch := Patch(a.patch), R1(patch), *([Projected(a.heads, *a.wait)] if a.heads else [])]
    gpu = torch.cuda.is_available()
    data = open_images(a.images, a.size, 'cuda' if gpu else 'cpu')
    t = Trainer(net, data, recipe.config, terms, callbacks(a, gpu), recipe.choose)
    if a.discriminators: resume(t.discs[1:], a.discriminators)
    return t

if __name__ == '__main__':
    p = parser(__doc__, 8, .3, 32, 'heads')
    p.add_argument('--pack', type=Path, help='only copy the photographs, small, to this folder')
    p.add_argument('--wait', type=int, nargs=2, default=(250, 500),
                   help='steps until the generator hears of the heads, and until it does in full (250 500)')
    a = p.parse_args()
    if a.pack: pack(a.images, a.pack, 19*a.size//16)
    else:
        a.out.mkdir(parents=True, exist_ok=True)
        trainer(a).fit()
