"""Train the generator alone: python -m benchmarks.generator IMAGES --minutes 60 --out OUT

The encoder stays as it is, and one path is decoded: a quarter of the images from the posterior's code, the others from
the prior's. So a step takes half of the time of one of both paths, and an hour of two CPU cores counts.
Goes on from weights and, if there are any, from discriminators, as `heads.py` does; writes the same files."""
import argparse, copy, time
from pathlib import Path
from types import SimpleNamespace
import torch, torch.nn.functional as F
from torchvision.transforms.functional import pil_to_tensor
from PIL import Image, ImageOps
from picnet_nb.data import augment, list_images, open_image
from picnet_nb.fast import speed_up
from picnet_nb.few import BandContrast, BestOfMany, Patch, Projected, R1, Style, diff_augment, frozen_features
from picnet_nb.hub import bundled, load
from picnet_nb.layers import remove_spectral_norm
from picnet_nb.losses import pyramid_loss
from picnet_nb.masks import make_masks
from picnet_nb.model import visible_part
from .heads import resume, write

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
        return augment(x, (self.size, self.size), u[:, 2:].to(x), 3).clamp(-1, 1)

class GeneratorTrainer:
    "Generator, patch discriminator and heads of a trained network; its encoder only tells what they need."
    masks = 'center', 'center', 'rectangles', 'rectangles', 'strokes'      # more of those that look broken
    def __init__(self, a, device):
        self.a, self.device, self.net = a, device, speed_up(load(a.weights or bundled(), device, trainable=True))
        self.net.encoder = remove_spectral_norm(self.net.encoder).requires_grad_(False)
        self.g, self.ema = self.net.generator.train(), copy.deepcopy(self.net.generator).requires_grad_(False)
        self.patch, self.heads, self.choose = Patch(.15), Projected(a.heads, 60, 120), BestOfMany(8)
        self.band, self.style, self.features = BandContrast(12, .15), Style(.1), frozen_features(device)
        self.r1 = R1(self.patch, every=8)
        # the discriminators of `heads.py`, of which two are used
        self.discs = torch.nn.ModuleList([self.net.disc_rec, self.patch.net, self.heads.net]).to(device)
        for o in (self.net, self.discs): o.to(memory_format=torch.channels_last)
        if a.discriminators: resume(self.discs, a.discriminators)
        adam = lambda params, lr: torch.optim.Adam(params, lr, (.5, .99), fused=True)
        self.opts = (adam(self.g.parameters(), 2.5e-4), 2.5e-4), (adam(self.discs[1:].parameters(), 4e-4), 4e-4)
        self.rng, self.step = torch.Generator().manual_seed(a.seed), 0
        torch.manual_seed(a.seed)

    def draw(self, data) -> SimpleNamespace:
        n, side, rng = self.a.batch, self.a.size//32, self.rng
        out = SimpleNamespace(image=data.batch(n, rng), mask=make_masks(self.masks, n, self.a.size, rng))
        out.eps = torch.randn(n, 1 + self.choose.k, self.net.noise_channels, side, side, generator=rng)
        out.augment, best = torch.rand(n, 7, generator=rng), torch.rand(n, generator=rng)
        for k, v in vars(out).items(): setattr(out, k, v.to(self.device))
        out.net, out.batch = self.net, dict(best=best.to(self.device))
        out.exact = torch.arange(n, device=self.device) < n//4      # decode the posterior's code
        return out

    def look(self, out):
        "Code, images, composite, and the frozen network's features of it and of the truth."
        with torch.no_grad():
            out.prior, out.posterior, out.context = self.net.encode_both(out.image, out.mask)
            z = torch.where(out.exact[:, None, None, None], out.posterior.reparameterize(out.eps[:, 0]),
                            self.choose(out, out.eps[:, 1:]))
            u = torch.cat([out.augment[:, :4], torch.full_like(out.augment[:, 4:], .5)], 1)    # the hole has no colors
            out.hole = diff_augment(out.mask.float(), u)
            out.real = self.features.maps(diff_augment(out.image, out.augment))
        out.images = self.net.decode(z, out.context)
        out.made = self.net.composite(out.image, out.images[-1], out.mask).float()
        out.fake = self.features.maps(diff_augment(out.made, out.augment))

    def told_apart(self, out) -> dict: # the discriminators' losses
        (real, w), (fake, _) = self.patch.net(out.image, out.mask), self.patch.net(out.made.detach(), out.mask)
        losses, total = dict(patch=(w*(F.softplus(-real) + F.softplus(fake))).mean()), 0.
        for s in self.heads.net([torch.cat([a, b.detach()]) for a, b in zip(out.real, out.fake)]):
            true, made = s.chunk(2)
            w = self.heads.cells(out.hole, true)      # known cells of a completion are real
            total = total + (F.relu(1 - true) + w*F.relu(1 + made) + (1 - w)*F.relu(1 - made)).mean()
        losses['projected'] = total/len(self.heads.net.heads)
        return losses | (self.r1.discriminator(out) if self.r1.due(self.step) else {})

    def painted(self, out) -> dict: # the generator's losses
        seen, unit = visible_part(out.mask), lambda maps: [F.normalize(o.float(), dim=1) for o in maps]
        share = torch.where(out.exact | out.chosen, 1., .1)[:, None, None, None]      # of the error in the hole
        (s, w), cells = self.patch.net(out.made, out.mask), []
        for o in self.heads.net(out.fake):
            c = self.heads.cells(out.hole, o)
            cells.append((c*o).sum((1, 2, 3))/c.sum((1, 2, 3)).clamp_min(1))
        distance = self.features.compare(unit(out.real), unit(out.fake))
        self.heads.due(self.step)      # how much the heads count by now
        return dict(app=20*pyramid_loss(out.images, out.image, seen + share*(1 - seen)),
                    feat=(torch.where(out.exact, .5, .06)*distance).mean(),
                    style=self.style.weight*self.style.loss(out.real, out.fake, out.hole),
                    detail=self.band.weight*self.band.loss(out.image, out.made, out.mask).mean(),
                    patch_gen=self.patch.weight*(w*F.softplus(-s)).mean(),
                    proj_gen=-self.heads.weight*self.heads.net.share*torch.stack(cells).mean())

    def one_step(self, data) -> dict:
        rate = min(1., (self.step + 1)/60, max(.02, 2*(1 - self.done())))      # falls over the second half
        for opt, lr in self.opts:
            opt.zero_grad()
            for o in opt.param_groups: o['lr'] = rate*lr
        out, amp = self.draw(data), lambda: torch.autocast(self.device.type, torch.bfloat16)
        with amp():
            self.look(out)
            losses = self.told_apart(out)
        sum(losses.values()).backward()
        self.opts[1][0].step()
        self.discs.requires_grad_(False)
        with amp(): mine = self.painted(out)
        sum(mine.values()).backward()
        self.opts[0][0].step()
        self.discs.requires_grad_(True)
        self.step += 1
        with torch.no_grad():
            decay = min(.998, (1 + self.step)/(10 + self.step))
            torch._foreach_lerp_([*self.ema.parameters()], [o.detach() for o in self.g.parameters()], 1 - decay)
            if has := [*self.ema.buffers()]: torch._foreach_copy_(has, [*self.g.buffers()])
        return {k: v.detach() for k, v in (losses | mine).items()}

    def done(self) -> float: # the share of the run
        return self.step/self.a.steps if self.a.steps else (time.perf_counter() - self.start)/60/self.a.minutes

    def fit(self, data):
        self.start, log, sums = time.perf_counter(), [], {}
        while self.done() < 1:
            for k, v in self.one_step(data).items(): sums[k] = sums.get(k, 0) + v
            if self.step%50 and self.done() < 1: continue
            steps = self.step - (log[-1]['step'] if log else 0)
            log.append(dict(step=self.step, seconds=time.perf_counter() - self.start,
                            **{k: (v/steps).item() for k, v in sums.items()}))
            print({k: float(f'{v:.4g}') for k, v in log[-1].items()}, flush=True)
            if any(v != v for v in log[-1].values()): raise RuntimeError('a loss is not finite: start again, lower')
            sums = {}
            if self.step%500 == 0 or self.done() >= 1: self.save(log)

    def save(self, log):
        net = load(self.a.weights or bundled(), 'cpu', trainable=True)
        net.generator.load_state_dict(self.ema.state_dict())
        write(self.a.out, net, self.discs, self.step, log)

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('images', type=Path, help='a folder of photographs')
    p.add_argument('--weights', help='to start from (the bundled ones)')
    p.add_argument('--discriminators', help='to start from, of an earlier run (new ones)')
    p.add_argument('--minutes', type=float, default=60, help='of the steps (60)')
    p.add_argument('--steps', type=int, help='so many, whatever they take')
    p.add_argument('--heads', type=float, default=.4, help='weight of the heads (0.4)')
    p.add_argument('--size', type=int, default=128, help='of the images, pixels (128)')
    p.add_argument('--batch', type=int, default=16, help='images in a step (16)')
    p.add_argument('--seed', type=int, default=0, help='of everything random (0)')
    p.add_argument('--out', type=Path, default=Path('generator'), help='folder for the results (generator)')
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    GeneratorTrainer(a, device).fit(Squares(a.images, a.size, device))
