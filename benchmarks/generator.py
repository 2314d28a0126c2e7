"""Train the generator alone: python -m benchmarks.generator IMAGES --minutes 60 --out OUT

The encoder stays as it is, and one path is decoded: a quarter of the images from the posterior's code, the others from
the prior's. So a step takes half of the time of one of both paths, and an hour of two CPU cores counts.
Goes on from weights and, if there are any, from discriminators, as `heads.py` does; writes the same files."""
from functools import partial
from pathlib import Path
import torch, torch.nn.functional as F
from torchvision.transforms.functional import pil_to_tensor
from PIL import Image, ImageOps
from picnet_nb.data import augment, list_images, open_image
from picnet_nb.fast import speed_up
from picnet_nb.few import BandContrast, BestOfMany, Patch, Projected, R1, Style, diff_augment, frozen_features
from picnet_nb.hub import load
from picnet_nb.losses import pyramid_loss
from picnet_nb.masks import rectangle_masks
from picnet_nb.material import depth
from picnet_nb.model import visible_part
from picnet_nb.train import Term, TrainConfig, Trainer
from .heads import callbacks, parser, resume

class Squares:
    "Of each photograph the left, the middle and the right square, or the upper and the lower one."
    def __init__(self, folder:Path, size:int, device):
        self.size, self.first, squares, side = size, [], [], 19*size//16
        for file in list_images(folder):
            image = ImageOps.cover(open_image(file), (side, side), Image.Resampling.LANCZOS)
            w, h = image.width - side, image.height - side
            at = (0, .5, 1) if max(w, h) > .1*side else (.5,)
            self.first += [range(len(squares), len(squares) + len(at))]
            squares += [pil_to_tensor(image.crop((x := round(k*w), y := round(k*h), x + side, y + side))) for k in at]
        self.data = torch.stack(squares).to(device)

    def batch(self, n:int, rng:torch.Generator) -> torch.Tensor: # (n, 3, size, size) in [-1, 1]
        u = torch.rand(n, 6, generator=rng)
        among = [self.first[int(k*len(self.first))] for k in u[:, 0]]
        which = torch.tensor([o[int(k*len(o))] for o, k in zip(among, u[:, 1])], device=self.data.device)
        x = self.data[which].float()/127.5 - 1
        return augment(x, self.size, u[:, 2:].to(x)).clamp(-1, 1)

def deep_masks(n:int, size:int, generator=None, device=None) -> torch.Tensor: # as of `rectangle_masks`
    "The deepest of six random holes each, as what lies far inside is learned last."
    holes = rectangle_masks(6*n, size, generator, device)
    deepest = depth(F.avg_pool2d(holes.float(), size//32)[:, 0] == 1).amax((1, 2)).view(n, 6).argmax(1)
    return holes.unflatten(0, (n, 6))[torch.arange(n), deepest]

class OnePath:
    "A batch on its way through one path: code, images, composite, and what frozen networks see in it."
    def __init__(self, net, batch:dict, choose): # as of `TwoPaths`
        self.net, self.batch, self.image, self.mask, u = net, batch, batch['image'], batch['mask'], batch['augment']
        self.exact = torch.arange(len(u), device=u.device) < len(u)//4      # decode the posterior's code
        with torch.no_grad():
            self.prior, self.posterior, self.context = net.encode_both(self.image, self.mask)
            z = torch.where(self.exact[:, None, None, None], self.posterior.reparameterize(batch['eps'][:, 0]),
                            choose(self, batch['eps'][:, 1:]))
            still = torch.cat([u[:, :4], torch.full_like(u[:, 4:], .5)], 1)      # the hole has no colors to change
            self.hole = diff_augment(self.mask.float(), still)
        self.images = net.decode(z, self.context)
        self.made = net.composite(self.image, self.images[-1], self.mask).float()
        self.shown, self.seen = [diff_augment(o, u) for o in (self.image, self.made)], {}

    def maps(self, network): # of a device; lists of truth's and composite's feature maps, made once
        if network not in self.seen:
            net = network(self.image.device)
            with torch.no_grad(): real = net.maps(self.shown[0])
            self.seen[network] = real, net.maps(self.shown[1])
        return self.seen[network]

class OnePatch(Patch):
    def discriminator(self, out):
        (real, w), (fake, _) = self.net(out.image, out.mask), self.net(out.made.detach(), out.mask)
        return dict(patch=(w*(F.softplus(-real) + F.softplus(fake))).mean())

    def generator(self, out):
        score, w = self.net(out.made, out.mask)
        return dict(patch_gen=self.weight*(w*F.softplus(-score)).mean())

class OneProjected(Projected):
    network, name = staticmethod(frozen_features), ''
    def discriminator(self, out):
        total = 0.
        for s in self.net([torch.cat([a, b.detach()]) for a, b in zip(*out.maps(self.network))]):
            true, made = s.chunk(2)
            w = self.cells(out.hole, true)      # known cells of a completion are real
            total = total + (F.relu(1 - true) + w*F.relu(1 + made) + (1 - w)*F.relu(1 - made)).mean()
        return {f'projected{self.name}': total/len(self.net.heads)}

    def generator(self, out):
        cells = [(self.cells(out.hole, o), o) for o in self.net(out.maps(self.network)[1])]
        score = torch.stack([(w*s).sum((1, 2, 3))/w.sum((1, 2, 3)).clamp_min(1) for w, s in cells])
        return {f'proj_gen{self.name}': -self.weight*self.net.share*score.mean()}

class SecondProjected(OneProjected):
    network, name = staticmethod(partial(frozen_features, version=1)), '2'

class Painted(Term):
    "What the images have to do with the truth, in pixels, features, Gram matrices and contrasts."
    def __init__(self): self.style, self.band = Style(.1), BandContrast(12, .15)

    def generator(self, out):
        seen, unit = visible_part(out.mask), lambda maps: [F.normalize(o.float(), dim=1) for o in maps]
        share = torch.where(out.exact | out.chosen, 1., .1)[:, None, None, None]      # of the error in the hole
        real, fake = out.maps(frozen_features)
        distance = frozen_features(out.image.device).compare(unit(real), unit(fake))
        return dict(app=20*pyramid_loss(out.images, out.image, seen + share*(1 - seen)),
                    feat=(torch.where(out.exact, .5, .06)*distance).mean(),
                    style=self.style.weight*self.style.loss(real, fake, out.hole),
                    detail=self.band.weight*self.band.loss(out.image, out.made, out.mask).mean())

class FastDiscriminators:
    "They learn 1.6 times as fast as the generator; comes after `Schedule`."
    def before_step(self, t):
        for group in t.opt_d.param_groups: group['lr'] *= 1.6

class GeneratorTrainer(Trainer):
    paths = OnePath

losses = 'app', 'feat', 'style', 'detail', 'patch_gen', 'proj_gen', 'proj_gen2'

def heard(generator, without:list, out): return {k: v for k, v in generator(out).items() if k not in without}

def trainer(a) -> Trainer:
    masks = 'center', 'center', 'rectangles', deep_masks, 'strokes'      # more of those that look broken
    cfg = TrainConfig(size=a.size, batch=a.batch, steps=a.steps or 10**6, lr=a.lr, betas=(.5, .99), warmup=60,
                      decay=.5, ema=.998, amp=a.amp, seed=a.seed, masks=masks)
    torch.manual_seed(a.seed)
    net, plain = (load(a.weights, 'cpu', trainable=o) for o in (True, False))
    net.encoder, gpu = plain.encoder, torch.cuda.is_available()
    speed_up(net)
    terms = [Painted(), patch := OnePatch(a.patch), R1(patch, every=8), OneProjected(a.heads, 60, 120),
             *([SecondProjected(a.second, 60, 120)] if a.second else [])]
    for o in terms: o.generator = partial(heard, o.generator, a.without)
    data, cbs = Squares(a.images, a.size, 'cuda' if gpu else 'cpu'), [*callbacks(a, gpu), FastDiscriminators()]
    t = GeneratorTrainer(net, data, cfg, terms, cbs, BestOfMany(8))
    t.net.encoder.requires_grad_(False)
    if a.discriminators: resume(t.discs[1:], a.discriminators)
    return t

if __name__ == '__main__':
    p = parser(__doc__, 60, .4, 16, 'generator')
    p.add_argument('--second', type=float, default=0, help='weight of heads on a second network, lite1 (0: none)')
    p.add_argument('--amp', default='auto', help='bf16, fp16, no or auto: no on a CPU, as only some gain (auto)')
    p.add_argument('--without', nargs='+', default=[], choices=losses,
                   help='for an ablation: what the generator does not hear of; discriminators learn on')
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    trainer(a).fit()
