"""What each loss gives: python -m benchmarks.ablation IMAGES --all RUN RUN --without RUN RUN ... --out ablation.csv

Measures folders that `generator.py` wrote, each without a loss, against those with all of them, one per seed, on images
that none of them saw, by lite1 and lite2. All complete the same holes from the same codes, so each change is one of pairs.
What was measured on IMAGES stays in the folder of the run: a second call only makes the table."""
import argparse, csv, hashlib
from pathlib import Path
import torch
from tqdm import tqdm
from picnet_nb.data import list_images
from picnet_nb.hub import load
from picnet_nb.masks import mask_types
from picnet_nb.metrics import (Benchmark, FeatureDistance, LiteFeatures, bootstrap, diversity, features_of, kid_disjoint,
                               psnr, tv_percent)

@torch.no_grad()
def figures(weights:Path, images:Path) -> dict: # of each hole type, one row per image
    "Of two completions each: PSNR, distance, diversity and TV in the hole, and features for KID, of the truth first."
    judges, found = {f'lite{i}': LiteFeatures(i) for i in (1, 2)}, {}
    distance, task = FeatureDistance(judges['lite1']), Benchmark(load(weights, 'cpu'), images, mask_types, n=2)
    for kind in task.masks:
        rows, seen = [], {k: [] for k in judges}
        for ids in tqdm(torch.tensor(task.ids).split(16), kind):
            for image, hole, made in zip(*task(kind, ids.tolist())):
                maps = [distance.features(o) for o in (made, image[None])]
                rows.append([psnr(made, image, hole).mean(), distance.compare(*maps, hole).mean(),
                             diversity(made, hole), tv_percent(made, hole).mean()/tv_percent(image, hole)])
                for k, net in judges.items(): seen[k].append(features_of(torch.cat([image[None], made]), net))
        named = dict(zip(('psnr', 'distance', 'diversity', 'tv'), torch.tensor(rows).T))
        found[kind] = named | {k: torch.stack(v) for k, v in seen.items()}
    return found

def kids(x:torch.Tensor, splits:int=50) -> torch.Tensor: # features (N, 1 + n, d), of the truth first; of each split
    "1000 KID, with the same random halves for each run."
    real, *made = x.unbind(1)
    return torch.tensor([[1000*kid_disjoint(real, o, 1, seed)[0] for o in made] for seed in range(splits)]).mean(1)

def kept(run:Path, images:Path) -> dict: # of each hole type, measures of images and KID of splits
    "What `figures` found, measured once."
    these = '\n'.join(f'{o.resolve()} {o.stat().st_size}' for o in list_images(images))
    weights, file = run/'model.safetensors', run/f'figures-{hashlib.sha256(these.encode()).hexdigest()[:12]}.pt'
    if not file.exists() or file.stat().st_mtime < weights.stat().st_mtime: torch.save(figures(weights, images), file)
    return {hole: {k: kids(v) if v.ndim == 3 else v for k, v in found.items()}
            for hole, found in torch.load(file, weights_only=True).items()}

def compared(full:list, now:dict): # of the runs with all losses, of one run; measure, value, change with interval
    "PSNR: dB more than with all losses; else the ratio."
    for k, v in now.items():
        was = torch.stack([o[k] for o in full]).mean(0)
        if k.startswith('lite'):
            low, high = (v/was).quantile(v.new_tensor([.025, .975])).tolist()
            yield f'kid {k}', v.mean().item(), (v.mean()/was.mean()).item(), low, high
        else: yield k, v.mean().item(), *bootstrap(v - was if k == 'psnr' else 1 + (v - was)/was.mean())

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('images', type=Path, help='a folder of photographs that no run saw')
    p.add_argument('--all', type=Path, nargs='+', required=True, help='folders of runs with all losses, one per seed')
    p.add_argument('--without', type=Path, nargs='+', default=[], help='folders of runs without one')
    p.add_argument('--out', type=Path, default=Path('ablation.csv'), help='the table (ablation.csv)')
    a = p.parse_args()
    found = {run: kept(run, a.images) for run in [*a.all, *a.without]}
    rows = [[run.name, hole, k, *(f'{v:.5g}' for v in o)] for run, now in found.items() for hole in now
            for k, *o in compared([found[r][hole] for r in a.all], now[hole])]
    with open(a.out, 'w', newline='') as f:
        csv.writer(f).writerows([('run', 'hole', 'measure', 'value', 'change', 'low', 'high'), *rows])

if __name__ == '__main__': main()
