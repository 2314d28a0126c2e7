"""How fast pictures are completed, compared with the original's way of computing, on this machine: python -m benchmarks.sampling

Everything in one run, by turns; that both make the same pictures is checked in the same run. `--quick` takes less than a minute."""
import argparse, copy, statistics, tempfile
from pathlib import Path
import torch
from picnet_nb.complete import Completer
from picnet_nb.data import sample as photograph
from picnet_nb.hub import load
from picnet_nb.layers import fold
from picnet_nb.masks import center_mask
from picnet_nb.model import composite
from .common import ceilings, faster, flops, fresh, full_float32, has_bf16, machine, moved_at, ms, save, spread, times, top_ten, traffic
from .reference import plain, trainable

def ten_samples(device, n:int=10, size:int=256) -> tuple: # ways to make them, and a function that compares what they make
    "Ten completions of one picture, 256x256: encode, decode, composite, score."
    net = load(device=device)
    net.config.image_size = size
    base = trainable(net)
    ours, ref = fold(copy.deepcopy(base)).requires_grad_(False), plain(copy.deepcopy(base).eval().requires_grad_(False))
    picture, mask = photograph().resize((size, size)), center_mask(1, size)
    eps = torch.randn(n, net.config.latent, size//32, size//32, generator=torch.Generator().manual_seed(0)).to(device)

    @torch.no_grad()
    def reference(score=True):
        prior, context = ref.prior(x, hole)
        made, scores = [], []
        for e in eps.split(1):
            made.append(composite(x, ref.generator(prior.mean + prior.stddev*e, context)[-1], hole))
            if score: scores.append(ref.score(made[-1]).item())
        return torch.cat(made), scores

    def here(completer, score=True):
        w = completer.encode(picture, mask)
        parts = completer.parts(w, w.prior.mean + w.prior.stddev*eps)
        return w, parts, completer.judge(w, parts).tolist() if score else []

    fast = dict(float32=Completer(ours)) | (dict(bfloat16=Completer(ours, torch.bfloat16)) if has_bf16(device) else {})
    w = fast['float32'].encode(picture, mask)
    x, hole = w.x, w.hole
    assert w.box == (0, 0, size, size)

    def compare(): # how far from the reference's pictures are ours in the hole, of pictures in [-1, 1], and their scores?
        with full_float32(): truth, truth_scores = reference()    # a GPU's shorter float32 would hide what we want to see
        difference = {}
        for name, c in fast.items():
            with full_float32(): w, parts, scores = here(c)
            (l, t, r, b), made = w.need, truth.clone()
            made[:, :, t:b, l:r] = composite(x[:, :, t:b, l:r], parts, hole[:, :, t:b, l:r])
            d = (made - truth).abs()
            assert d[(~hole).expand_as(d)].max() == 0
            inside = d[hole.expand_as(d)]
            difference[name] = dict(max=inside.max().item(), mean=inside.mean().item(), score=max(abs(a - b) for a, b in zip(scores, truth_scores)))
        return difference

    ways = {'reference': reference, 'reference, no score': lambda: reference(False)}
    for name, c in fast.items(): ways |= {name: lambda c=c: here(c), f'{name}, no score': lambda c=c: here(c, False)}
    return ways, compare

turns = """
import json, torch; torch.set_num_threads({threads})
from benchmarks.common import by_turns
from benchmarks.sampling import ten_samples
device = torch.device('{device}')
ways, compare = ten_samples(device, {n})
difference = compare()
print(json.dumps(dict(times=by_turns(ways, {rounds}, device), difference=difference)))
"""

def at_limit(device, ways, took, n, quick):
    "Operations counted, ceilings measured, share of the ceiling reached."
    top = ceilings(device, quick)
    out = dict(ceilings=top)
    for name, f in ways.items():
        if 'no score' in name: continue
        dtype = 'bfloat16' if name == 'bfloat16' else 'float32'
        count, best = flops(f), max(v for k, v in top.items() if dtype in k)
        out[name] = dict(gflop_per_sample=round(count/n/1e9, 2), gflop_per_second=round(count/took[name]['wall']['median']/1e9, 1))
        out[name]['share_of_ceiling'] = round(out[name]['gflop_per_second']/best, 2)
        out[name] |= moved_at(traffic(f), took[name]['wall']['median'], top)
        if not quick: out[name]['top_ten'] = top_ten(f, device)
    return out

many = """
import json, time
from benchmarks.common import peak_mb
import torch; torch.set_num_threads({threads})
from picnet_nb.complete import Completer
from picnet_nb.data import sample
from picnet_nb.masks import center_mask
c, p = Completer.from_pretrained(device='{device}'), sample()
m = center_mask(1, p.size[::-1])
c(p, m, n=32, seed=0, keep=8)
out = []
for n in {counts}:
    start = time.perf_counter(); made = c(p, m, n=n, seed=0, keep=8); took = time.perf_counter() - start
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
picture, mask = Image.open('{folder}/{name}.jpg'), Image.open('{folder}/{name}.png')
start = time.perf_counter()
made = c(picture, mask, n=8, seed=0)
painted = time.perf_counter() - start
known = ~np.asarray(mask)
for o in made: assert o.size == picture.size and (np.asarray(o)[known] == np.asarray(picture)[known]).all()
start = time.perf_counter(); made[0]; composed = time.perf_counter() - start
print(json.dumps(dict(painted=painted, composed=composed, peak_mb=peak_mb())))
"""

def photographs(folder:Path, quick:bool):
    "Two photographs with a square hole of 5 %: 256x192, and 12 megapixels."
    from PIL import Image
    import numpy as np
    for name, (w, h) in dict(small=(256, 192), large=(2000, 1500) if quick else (4000, 3000)).items():
        photograph().resize((w, h), Image.Resampling.BICUBIC).save(folder/f'{name}.jpg', quality=95)
        m, s = np.zeros((h, w), bool), round((.05*w*h)**.5)
        m[h//3:h//3 + s, w//3:w//3 + s] = True
        Image.fromarray(m).save(folder/f'{name}.png')

start_up = """
import json, time
t = time.perf_counter(); import torch; a = time.perf_counter(); import picnet_nb; b = time.perf_counter()
from picnet_nb.complete import Completer; c = time.perf_counter(); Completer.from_pretrained(); d = time.perf_counter()
print(json.dumps(dict(torch=a - t, picnet_nb=b - a, complete=c - b, from_pretrained=d - c)))
"""

def main():
    p = argparse.ArgumentParser('python -m benchmarks.sampling', description=__doc__)
    p.add_argument('--device', default='cpu', help='cpu or cuda')
    p.add_argument('--threads', type=int, default=2, help='of the CPU (2)')
    p.add_argument('--rounds', type=int, default=5, help='measurements of each in a process (5)')
    p.add_argument('--processes', type=int, help='how often to measure it all in a process of its own, since how memory comes to lie differs from one to the next; default: 6, on a GPU 1')
    p.add_argument('--quick', action='store_true', help='a short form, to see that it runs; writes a result file only with --out')
    p.add_argument('--out', help='result file, if not benchmarks/results/sampling-DEVICE.json')
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    device, rounds, n = torch.device(a.device), 2 if a.quick else a.rounds, 3 if a.quick else 10
    processes = a.processes or (1 if a.quick or device.type == 'cuda' else 6)
    res = dict(machine=machine(device), rounds=rounds, processes=processes)

    tries = fresh(turns.format(threads=a.threads, device=a.device, rounds=rounds, n=n), a.threads, processes)
    raw = {k: {o: [t for p in tries for t in p['times'][k][o]] for o in ('wall', 'cpu')} for k in tries[0]['times']}
    difference, ways = tries[0]['difference'], ten_samples(device, n)[0]
    took = {k: dict(wall=spread(v['wall']), cpu=spread(v['cpu'])) for k, v in raw.items()}
    names = [k for k in difference]
    ratio = {k + s: faster(raw, 'reference' + s, k + s) for k in names for s in ('', ', no score')}
    alone = {k: [faster(p['times'], 'reference', k)['median'] for p in tries] for k in names}
    print('ratios of the processes:', alone, flush=True)
    res |= dict(samples=n, times=took, ratio=ratio, ratio_of_processes=alone, difference=difference)
    rows = [dict(what=f'{n} completions at 256x256, {k}{s or ", scored"}', reference=ms(took['reference' + s]['wall']), ours=ms(took[k + s]['wall']), ratio=times(ratio[k + s]))
            for k in names for s in ('', ', no score')]
    for r in rows: print(r['what'], '|', r['reference'], '|', r['ours'], '|', r['ratio'], flush=True)
    print('difference in the hole, of pictures in [-1, 1]:', difference, flush=True)
    assert max(p['difference']['float32']['max'] for p in tries) < 1e-3, 'float32 pictures differ from the reference by more than 1e-3'
    res['limit'] = at_limit(device, ways, took, n, a.quick)
    for k in ('reference', *names): print(k, {o: v for o, v in res['limit'][k].items() if o != 'top_ten'})
    print(res['limit']['ceilings'], flush=True)

    counts = [1, 10, 40] if a.quick else [1, 10, 100, 1000]
    res['many'] = fresh(many.format(threads=a.threads, device=a.device, counts=counts), a.threads)[0]
    for o in res['many']: print(f"n = {o['n']}: {o['seconds']:.2f} s, peak {o['peak_mb']:.0f} MB", flush=True)
    assert res['many'][-1]['peak_mb'] < res['many'][0]['peak_mb'] + 100, 'memory grows with the number of samples'
    rows.append(dict(what=f'n = {", ".join(str(o["n"]) for o in res["many"])} at 128x128, the best 8 kept', ours='; '.join(f'{o["seconds"]:.2f} s' for o in res['many']),
                     ratio='peak ' + ', '.join(f'{o["peak_mb"]:.0f}' for o in res['many']) + ' MB'))

    with tempfile.TemporaryDirectory() as d:
        photographs(Path(d), a.quick)
        res['size'] = {k: fresh(large.format(threads=a.threads, device=a.device, folder=d, name=k), a.threads, 1 if a.quick else 3) for k in ('small', 'large')}
    mid = {k: {o: statistics.median(x[o] for x in v) for o in v[0]} for k, v in res['size'].items()}
    print('8 completions with a hole of 5 %:', mid, flush=True)
    assert mid['large']['peak_mb'] < 2000, 'a large photograph takes more than 2 GB'
    text = lambda m: f'{m["painted"]:.2f} s, and {m["composed"]:.2f} s for each full picture, peak {m["peak_mb"]:.0f} MB'
    rows.append(dict(what=f'8 completions of {"3" if a.quick else "12"} megapixels with a hole of 5 %; in the column before: of 256x192', reference=text(mid['small']), ours=text(mid['large'])))

    starts = fresh(start_up, a.threads, 2 if a.quick else 5)
    res['start'] = {k: spread([s[k] for s in starts]) for k in starts[0]}
    print('start, seconds:', res['start'])
    rows.append(dict(what='import picnet_nb; from picnet_nb.complete import Completer; Completer.from_pretrained()', reference=f"import torch {ms(res['start']['torch'])}",
                     ours='; '.join(ms(res['start'][k]) for k in ('picnet_nb', 'complete', 'from_pretrained'))))
    if not a.quick or a.out: save('sampling', res | dict(rows=rows), a.out)

if __name__ == '__main__': main()
