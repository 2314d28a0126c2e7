"""How fast images are completed, compared with the original's way of computing: python -m benchmarks.sampling

Everything in one run, by turns; that both make the same images is checked in the same run."""
import argparse, copy, statistics, tempfile
from pathlib import Path
import numpy as np, torch
from PIL import Image
from picnet_nb.complete import Completer
from picnet_nb.data import example_image
from picnet_nb.fast import decode_box
from picnet_nb.layers import remove_spectral_norm
from picnet_nb.masks import center_mask
from picnet_nb.model import composite
from .common import (at_limit, ceilings, faster, fresh, full_float32, has_bf16, machine, medians, ms, save, spread,
                     times, top_ten)
from .reference import original, start_net

def complete(completer, image, mask, eps, score=True) -> tuple: # window, what is painted of it, scores
    "As `Completer` does it, up to the tensors."
    net, w = completer.net, completer.encode(image, mask)
    l, t, r, b = w.roi
    made = decode_box(net, w.prior.reparameterize(eps), w.context, w.roi).float()
    made = net.composite(w.x[:, :, t:b, l:r], made, w.hole[:, :, t:b, l:r])
    whole = w.x.repeat(len(made), 1, 1, 1)
    whole[:, :, t:b, l:r] = made
    return w, made, net.score(whole) if score else None

@torch.no_grad()
def complete_original(net, x, hole, eps, score=True) -> tuple: # (n, 3, H, W), scores
    "As the original does it: one sample after the other."
    (prior, context), made, scores = net.prior(x, hole), [], []
    for e in eps.split(1):
        made.append(composite(x, net.generator(prior.mean + prior.stddev*e, context)[-1], hole))
        if score: scores.append(net.score(made[-1]))
    return torch.cat(made), torch.cat(scores) if score else None

def n_samples(device:torch.device, n:int=10, size:int=256) -> tuple: # name -> way; a function that compares the results
    "Ways to make `n` completions of an image: encode, decode, composite, score."
    base = start_net(size).to(device)
    plain, ref = remove_spectral_norm(copy.deepcopy(base)), original(copy.deepcopy(base).eval().requires_grad_(False))
    fast = dict(float32=Completer(plain))
    if has_bf16(device): fast['bfloat16'] = Completer(plain, torch.bfloat16)
    image, mask = example_image().resize((size, size)), center_mask(1, size)
    eps = torch.randn(n, base.config.latent, size//32, size//32, generator=torch.Generator().manual_seed(0)).to(device)
    w = fast['float32'].encode(image, mask)
    assert w.box == (0, 0, size, size)

    def compare(): # largest and mean difference in the hole, of images in [-1, 1], and of the scores
        out, (l, t, r, b) = {}, w.roi
        with full_float32(): # a GPU's shorter float32 would hide what we want to see
            truth, scores = complete_original(ref, w.x, w.hole, eps)
            for name, c in fast.items():
                _, part, ours = complete(c, image, mask, eps)
                made = truth.clone()
                made[:, :, t:b, l:r] = part
                d, hole = (made - truth).abs(), w.hole.expand_as(truth)
                assert d[~hole].max() == 0, 'known pixels differ'
                out[name] = dict(max=d[hole].max().item(), mean=d[hole].mean().item(),
                                 score=(ours - scores).abs().max().item())
        return out

    ways = {}
    for end, score in {'': True, ', no score': False}.items():
        ways['reference' + end] = lambda score=score: complete_original(ref, w.x, w.hole, eps, score)
        for k, c in fast.items(): ways[k + end] = lambda c=c, score=score: complete(c, image, mask, eps, score)
    return ways, compare

turns = """
import json, torch; torch.set_num_threads({threads})
from benchmarks.common import by_turns
from benchmarks.sampling import n_samples
device = torch.device('{device}')
ways, compare = n_samples(device, {n})
difference = compare()
print(json.dumps(dict(times=by_turns(ways, {rounds}, device), difference=difference)))
"""

many = """
import json, time
from benchmarks.common import peak_mb
import torch; torch.set_num_threads({threads})
from picnet_nb.complete import Completer
from picnet_nb.data import example_image
from picnet_nb.masks import center_mask
c, image = Completer.from_pretrained(device='{device}'), example_image()
mask, out, c.fill = center_mask(1, image.size[::-1]), [], 'model'
c(image, mask, n=32, seed=0)
for n in {counts}:
    start = time.perf_counter(); c(image, mask, n=n, seed=0); took = time.perf_counter() - start
    out.append(dict(n=n, seconds=took, peak_mb=peak_mb()))
print(json.dumps(out))
"""

large = """
import json, time
from benchmarks.common import peak_mb
import torch; torch.set_num_threads({threads})
import numpy as np
from PIL import Image
from picnet_nb.complete import Completer
c = Completer.from_pretrained(device='{device}')
image, mask = Image.open('{folder}/{name}.jpg'), Image.open('{folder}/{name}.png')
start = time.perf_counter(); made = c(image, mask, n=8, seed=0); painted = time.perf_counter() - start
known = ~np.asarray(mask)
for o in made.images: assert o.size == image.size and (np.asarray(o)[known] == np.asarray(image)[known]).all()
start = time.perf_counter(); made[0]; composed = time.perf_counter() - start
print(json.dumps(dict(painted=painted, composed=composed, peak_mb=peak_mb())))
"""

start_up = """
import json, time
t = time.perf_counter(); import torch; a = time.perf_counter(); import picnet_nb; b = time.perf_counter()
from picnet_nb.complete import Completer; c = time.perf_counter()
Completer.from_pretrained(); d = time.perf_counter()
print(json.dumps(dict(torch=a - t, picnet_nb=b - a, complete=c - b, from_pretrained=d - c)))
"""

def photographs(folder:Path, sizes:dict): # name -> width and height
    "A photograph with a square hole of 5 %, in several sizes."
    for name, (w, h) in sizes.items():
        example_image().resize((w, h), Image.Resampling.BICUBIC).save(folder/f'{name}.jpg', quality=95)
        m, s = np.zeros((h, w), bool), round((.05*w*h)**.5)
        m[h//3:h//3 + s, w//3:w//3 + s] = True
        Image.fromarray(m).save(folder/f'{name}.png')

def main():
    p = argparse.ArgumentParser('python -m benchmarks.sampling', description=__doc__)
    p.add_argument('--device', default='cpu', help='cpu or cuda')
    p.add_argument('--threads', type=int, default=2, help='of the CPU (2)')
    p.add_argument('--rounds', type=int, default=5, help='measurements of each in a process (5)')
    p.add_argument('--processes', type=int, help='how often to measure it all in a process of its own, since how '
                   'memory comes to lie differs from one to the next; default: 6, on a GPU 1')
    p.add_argument('--quick', action='store_true', help='short, to see that it runs; writes a file only with --out')
    p.add_argument('--out', help='result file, if not benchmarks/results/sampling-DEVICE.json')
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    device, rounds, n = torch.device(a.device), 2 if a.quick else a.rounds, 3 if a.quick else 10
    processes = a.processes or (1 if a.quick or device.type == 'cuda' else 6)
    res = dict(machine=machine(device), rounds=rounds, processes=processes, samples=n)
    own = lambda code, tries=1, **kw: fresh(code.format(threads=a.threads, device=a.device, **kw), a.threads, tries)

    tries = own(turns, processes, rounds=rounds, n=n)
    raw = {k: {o: [t for p in tries for t in p['times'][k][o]] for o in ('wall', 'cpu')} for k in tries[0]['times']}
    took, names, rows = medians(raw), list(tries[0]['difference']), []
    pairs = [(k + s, 'reference' + s) for k in names for s in ('', ', no score')]
    res |= dict(times=took, ratio={k: faster(raw, ref, k) for k, ref in pairs}, difference=tries[0]['difference'])
    res['ratio_of_processes'] = {k: [faster(p['times'], 'reference', k)['median'] for p in tries] for k in names}
    for k, ref in pairs:
        what = f'{n} completions at 256x256, {k if "score" in k else k + ", scored"}'
        rows.append(dict(what=what, reference=ms(took[ref]['wall']), ours=ms(took[k]['wall']),
                         ratio=times(res['ratio'][k])))
        print(' | '.join(rows[-1].values()), '| processor time', res['ratio'][k]['cpu'], flush=True)
    print('ratios of the processes:', res['ratio_of_processes'])
    print('difference in the hole, of images in [-1, 1]:', res['difference'], flush=True)
    for name, most in dict(float32=1e-3, bfloat16=.5).items(): # the latter has 8 bits
        worst = max(p['difference'].get(name, dict(max=0))['max'] for p in tries)
        assert worst < most, f'{name} images differ from the reference by {worst:.2g}'

    ways, top = n_samples(device, n)[0], ceilings(device, a.quick)
    res['limit'] = dict(ceilings=top)
    for k in ('reference', *names):
        kind = 'bfloat16' if k == 'bfloat16' else 'float32'
        res['limit'][k] = at_limit(ways[k], took[k]['wall']['median'], kind, top)
        print(k, res['limit'][k], flush=True)
        if not a.quick: res['limit'][k]['top_ten'] = top_ten(ways[k], device)
    print('ceilings, GFLOP/s:', top)

    res['many'] = own(many, counts=[1, 10, 40] if a.quick else [1, 10, 100, 1000])[0]
    tell = lambda k, form: '; '.join(format(o[k], form) for o in res['many'])
    rows.append(dict(what=f'n = {tell("n", "")} at 128x128', ours=f'{tell("seconds", ".2f")} s',
                     ratio=f'peak {tell("peak_mb", ".0f")} MB'))
    print(' | '.join(rows[-1].values()), flush=True)
    assert res['many'][-1]['peak_mb'] < res['many'][0]['peak_mb'] + 200, 'memory grows with the number of samples'

    sizes = dict(small=(256, 192), large=(2000, 1500) if a.quick else (4000, 3000))
    with tempfile.TemporaryDirectory() as d:
        photographs(Path(d), sizes)
        res['size'] = {k: own(large, 1 if a.quick else 3, folder=d, name=k) for k in sizes}
    for k, v in res['size'].items():
        painted, composed, peak = (statistics.median(o[x] for o in v) for x in ('painted', 'composed', 'peak_mb'))
        what = '8 completions of {}x{} pixels with a hole of 5 %'.format(*sizes[k])
        ours = f'{painted:.2f} s, and {composed:.2f} s for each full image, peak {peak:.0f} MB'
        rows.append(dict(what=what, ours=ours))
        print(what, '|', ours, flush=True)
        assert peak < 2000, 'an image takes more than 2 GB'

    starts = own(start_up, 2 if a.quick else 5)
    res['start'] = {k: spread([s[k] for s in starts]) for k in starts[0]}
    parts = [ms(v) for v in res['start'].values()]
    rows.append(dict(what='import picnet_nb; from picnet_nb.complete import Completer; Completer.from_pretrained()',
                     reference=f'import torch {parts[0]}', ours='; '.join(parts[1:])))
    print(' | '.join(rows[-1].values()))
    if not a.quick or a.out: save('sampling', res | dict(rows=rows), a.out)

if __name__ == '__main__': main()
