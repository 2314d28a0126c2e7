"""How fast a training step is, compared with the original's way of computing: python -m benchmarks.training

Both take the same steps from the same weights, by turns; that their losses agree is checked in the same run."""
import argparse, copy
from functools import partial
import torch
from picnet_nb.callbacks import EMA, MixedPrecision, Schedule
from picnet_nb.data import example_image, example_names, resize_crop, to_tensor
from picnet_nb.fast import speed_up
from picnet_nb.train import TrainConfig, Trainer, paper
from .common import (at_limit, by_turns, ceilings, faster, fresh, full_float32, has_bf16, machine, medians, ms, peak_mb,
                     save, sync, times, top_ten)
from .graph import CUDAGraph
from .reference import original, start_net

ways = {'float32': ('no', False), 'bfloat16': ('bf16', False), 'float16': ('fp16', False),
        'bfloat16, graph': ('bf16', True)}     # precision; a CUDA graph of the step?

class Photographs:
    "The bundled photographs, again and again; they lie on the device."
    def __init__(self, size:int, device):
        self.images = torch.cat([to_tensor(resize_crop(example_image(o), size)) for o in example_names()]).to(device)

    def batch(self, n, generator):
        return self.images[torch.randint(len(self.images), (n,), generator=generator).to(self.images.device)]

class Original(Trainer):
    "Trains as the original computes, see `benchmarks.reference`, with the optimizer that it has."
    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        original(self.net)
        for opt in (self.opt_g, self.opt_d):
            opt.defaults['fused'] = None
            for g in opt.param_groups: g['fused'] = None

def trainer(way:str, size:int, batch:int, device:torch.device, net=None) -> Trainer: # 'reference', or one of `ways`
    "A trainer of the released model's shape, ready for `one_step`; with the bundled weights if no network is given."
    net, (amp, graph) = copy.deepcopy(net or start_net(size)), ways.get(way, ('no', False))
    cfg = TrainConfig(size=size, batch=batch, steps=10**6, amp=amp, masks=('center', 'rectangles', 'strokes'))
    data, cbs = Photographs(size, device), [MixedPrecision(), EMA(), Schedule(), *([CUDAGraph()] if graph else [])]
    kind, net = (Original, net) if way == 'reference' else (Trainer, speed_up(net))
    t = kind(net, data, cfg, paper().terms, cbs, device=device)
    t.call('before_fit')
    return t

def steps(t:Trainer, n:int):
    for _ in range(n): t.one_step()

def measure(size:int, batch:int, device:torch.device, rounds:int, names:list) -> tuple:
    "Times of a step, losses of the first one, trainers, a GPU's memory in MB, and what doesn't work here."
    base, all, first, memory, failed, gpu = start_net(size), {}, {}, {}, {}, device.type == 'cuda'
    with full_float32():     # a GPU's shorter float32 would hide what we want to see
        for k in ('reference', *names):
            if gpu:
                torch.cuda.reset_peak_memory_stats(device)
                before = torch.cuda.memory_allocated(device)
            try:
                t = trainer(k, size, batch, device, base)
                t.one_step()
                first[k] = {name: v.item() for name, v in t.losses.items()}
                steps(t, 3)      # a graph is recorded in the fourth step
                sync(device)
                all[k] = t
            except Exception as e:
                if k in ('reference', 'float32'): raise
                failed[k] = f'{type(e).__name__}: {str(e).strip()[:200]}'
                print(f'{k} does not work here: {failed[k]}', flush=True)
            if gpu: memory[k] = (torch.cuda.max_memory_allocated(device) - before)/2**20
    n = 10 if gpu else 1     # steps in a row, as in a training: a GPU works on one while the next is prepared
    turns = {k: partial(steps, t, n) for k, t in all.items()}
    if gpu: turns['reference, full float32'] = full_float32()(turns['reference'])
    took = by_turns(turns, rounds, device)
    return {k: {w: [o/n for o in ts] for w, ts in v.items()} for k, v in took.items()}, first, all, memory, failed

def cpu_memory(way:str, size:int, batch:int) -> float: # MB, of four steps in this process
    t = trainer(way, size, batch, torch.device('cpu'))
    before = peak_mb()
    steps(t, 4)
    return peak_mb() - before

memory = """
import json, torch; torch.set_num_threads({})
from benchmarks.training import cpu_memory
print(json.dumps(cpu_memory('{}', {}, {})))
"""

def main():
    p = argparse.ArgumentParser('python -m benchmarks.training', description=__doc__)
    p.add_argument('--device', default='cpu', help='cpu or cuda')
    p.add_argument('--threads', type=int, default=2, help='of the CPU (2)')
    p.add_argument('--rounds', type=int, default=7, help='measurements of each (7)')
    p.add_argument('--shapes', nargs='+', metavar='SIZExBATCH', help='default: 128x4 256x2, on a GPU 128x32 256x32')
    p.add_argument('--ways', nargs='+', choices=list(ways), help='how to compute; default: float32, on a GPU all')
    p.add_argument('--graph', action='store_true', help='the same as --ways float32 "bfloat16, graph"')
    p.add_argument('--quick', action='store_true', help='short, to see that it runs; writes a file only with --out')
    p.add_argument('--out', help='result file, if not benchmarks/results/training-DEVICE.json')
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    device, rounds, gpu = torch.device(a.device), 1 if a.quick else a.rounds, a.device != 'cpu'
    shapes = a.shapes or (['64x2'] if a.quick else ['128x32', '256x32'] if gpu else ['128x4', '256x2'])
    asked = ['bfloat16, graph'] if a.graph else a.ways or (ways if gpu else [])
    names = ['float32', *(o for o in asked if o != 'float32' and (has_bf16(device) or 'bfloat16' not in o))]
    res, rows = dict(machine=machine(device), rounds=rounds, ceilings=ceilings(device, a.quick), steps=[]), []
    for size, batch in (map(int, o.split('x')) for o in shapes):
        raw, first, all, used, failed = measure(size, batch, device, rounds, names)
        took, here = medians(raw), [k for k in names if k not in failed]
        if not gpu: used = {k: fresh(memory.format(a.threads, k, size, batch), a.threads)[0] for k in all}
        apart = {k: max(abs(v - first['reference'][o])/max(1, abs(v)) for o, v in first[k].items()) for k in here}
        rate = {k: round(batch/v['wall']['median'], 1) for k, v in took.items()}
        ratio = {k: faster(raw, 'reference', k) for k in here}
        one = dict(size=size, batch=batch, times=took, ratio=ratio, losses=first, losses_apart=apart,
                   images_per_second=rate, memory_mb=used, failed=failed)
        half = lambda k: 'bfloat16' if '16' in k and has_bf16(device) else 'float32'      # whose ceiling float16 shares
        one['limit'] = {k: at_limit(t.one_step, took[k]['wall']['median'], half(k), res['ceilings'])
                        for k, t in all.items() if 'graph' not in k}
        if not a.quick: one['top_ten'] = {k: top_ten(t.one_step, device) for k, t in all.items()}
        res['steps'].append(one)
        tell = lambda k: f'{ms(took[k]["wall"])}, {rate[k]} images/s' + (f', {used[k]:.0f} MB' if k in used else '')
        what = f'training step {size}x{size}, batch {batch}'
        for k in here:
            row = dict(what=f'{what}, {k}', reference=tell('reference'), ours=tell(k), ratio=times(ratio[k]))
            rows.append(row)
            print(' | '.join(row.values()), '| processor time', ratio[k]['cpu'], '| losses apart', apart[k])
        if gpu:
            full = faster(raw, ref := 'reference, full float32', here[-1])
            rows.append(dict(what=f'{what}, {here[-1]}, against the original\'s way without TF32', reference=tell(ref),
                             ours=tell(here[-1]), ratio=times(full)))
            print(' | '.join(rows[-1].values()))
        print(one['limit'], flush=True)
        del all
    print('ceilings, GFLOP/s:', res['ceilings'])
    if not a.quick or a.out: save('training', res | dict(rows=rows), a.out)
    for one in res['steps']: assert one['losses_apart']['float32'] < 1e-4, f'losses differ: {one["losses"]}'

if __name__ == '__main__': main()
