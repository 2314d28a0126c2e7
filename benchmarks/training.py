"""How fast a training step is, compared with the original's way of computing, on this machine: python -m benchmarks.training

Both take the same steps from the same weights, by turns; that their losses agree is checked in the same run. `--quick` takes less than a minute."""
import argparse, copy
from functools import partial
import torch
from picnet_nb.data import fit, sample as photograph, sample_names, to_tensor
from picnet_nb.hub import load
from picnet_nb.masks import _put
from picnet_nb.train import TrainConfig, Trainer
from .common import by_turns, ceilings, faster, flops, fresh, full_float32, has_bf16, machine, moved_at, ms, save, spread, sync, times, top_ten, traffic
from .reference import lessons, plain, trainable

class Photographs:
    "The bundled photographs, again and again; they lie on the device."
    def __init__(self, size:int, device): self.images = torch.cat([to_tensor(fit(photograph(o), size)) for o in sample_names()]).to(device)
    def batch(self, n, generator): return self.images[_put(torch.randint(len(self.images), (n,), generator=generator), self.images.device)]

class Original(Trainer):
    "Trains as the original computes: plain float32, pictures channel by channel, see `benchmarks.reference`."
    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        plain(self.net); plain(self.ema)
        for opt in (self.opt_g, self.opt_d):
            opt.defaults['fused'] = None
            for g in opt.param_groups: g['fused'] = None

    def batch(self):
        image, *rest = super().batch()
        return image.contiguous(memory_format=torch.contiguous_format), *rest

    def lessons(self, image, out, mix): return lessons(self.net, image, out)

def trainer(which:str, size:int, batch:int, device, net=None, way='float32'):
    "A trainer of the released model's shape, which computes in one of `ways`; with the bundled weights if no network is given."
    amp, graph, compiled = ways[way]
    cfg = TrainConfig(size=size, batch=batch, steps=10**6, amp=amp, masks=('center', 'rectangles', 'strokes'), graph=graph, compile=compiled)
    net = copy.deepcopy(net or trainable(load(device='cpu')))
    return (Original if which == 'reference' else Trainer)(Photographs(size, device), cfg, net, device=device, quiet=True)

ways = {'float32': ('no', False, False), 'bfloat16': ('bf16', False, False), 'float16': ('fp16', False, False), 'bfloat16, graph': ('bf16', True, False), 'float32, compiled': ('no', False, True),
        'bfloat16, compiled': ('bf16', False, True), 'bfloat16, compiled, graph': ('bf16', True, True)}   # precision; a CUDA graph of the step, see `Played`? torch.compile?

def measure(size, batch, device, rounds, names):
    "Times of a step, losses of the first one, a GPU's memory in MB; a way that doesn't work here is named and left out."
    base = trainable(load(device='cpu'))
    base.config.image_size = size
    all, first, memory, failed, gpu = {}, {}, {}, {}, device.type == 'cuda'
    with full_float32():     # a GPU's shorter float32 would hide what we want to see
        for k in ('reference', *names):
            if gpu: torch.cuda.reset_peak_memory_stats(device); before = torch.cuda.memory_allocated(device)
            try:
                all[k] = trainer('reference', size, batch, device, base) if k == 'reference' else trainer('ours', size, batch, device, base, k)
                first[k] = {n: v.item() for n, v in all[k].train_step().items()}
                for _ in range(3): all[k].train_step()      # a graph is recorded in the fourth step
                sync(device)
                if gpu: memory[k] = (torch.cuda.max_memory_allocated(device) - before)/2**20
            except Exception as e:
                if k in ('reference', 'float32'): raise
                failed[k] = f'{type(e).__name__}: {str(e).strip().splitlines()[0][:200]}'; all.pop(k, None); first.pop(k, None)
                print(f'{k} does not work here: {failed[k]}', flush=True)
    n = 10 if gpu else 1     # steps in a row, as in a training: a GPU works on one while the next is prepared
    turns = {k: partial(steps, t, n) for k, t in all.items()}
    if gpu: turns['reference, full float32'] = full_float32()(turns['reference'])     # without TF32, which PyTorch otherwise takes for convolutions
    took = by_turns(turns, rounds, device)
    return {k: {w: [o/n for o in ts] for w, ts in v.items()} for k, v in took.items()}, first, all, memory, failed

def steps(t, n):
    for _ in range(n): t.train_step()

memory = """
import json, torch; torch.set_num_threads({threads})     # of a CPU
from benchmarks.common import peak_mb
from benchmarks.training import trainer
device = torch.device('{device}')
t = trainer('{which}', {size}, {batch}, device, way='{way}')
before = peak_mb()
for _ in range(4): t.train_step()
print(json.dumps(peak_mb() - before))
"""

def main():
    p = argparse.ArgumentParser('python -m benchmarks.training', description=__doc__)
    p.add_argument('--device', default='cpu', help='cpu or cuda')
    p.add_argument('--threads', type=int, default=2, help='of the CPU (2)')
    p.add_argument('--rounds', type=int, default=7, help='measurements of each (7)')
    p.add_argument('--shapes', nargs='+', metavar='SIZExBATCH', help='such as 256x2; default: 128x4 256x2, on a GPU 128x32 256x8 256x32 256x64')
    p.add_argument('--ways', nargs='+', choices=list(ways), help='how to compute; default: float32, as it is and compiled, and on a GPU all')
    p.add_argument('--quick', action='store_true', help='a short form, to see that it runs; writes a result file only with --out')
    p.add_argument('--out', help='result file, if not benchmarks/results/training-DEVICE.json')
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    device, rounds = torch.device(a.device), 1 if a.quick else a.rounds
    shapes = [tuple(map(int, o.split('x'))) for o in a.shapes or (['64x2'] if a.quick else ['128x32', '256x8', '256x32', '256x64'] if device.type == 'cuda' else ['128x4', '256x2'])]
    names = ['float32', *(o for o in a.ways or (ways if device.type == 'cuda' else [] if a.quick else ['float32, compiled']) if o != 'float32' and (has_bf16(device) or 'bfloat16' not in o))]
    res, rows = dict(machine=machine(device), rounds=rounds, ceilings=ceilings(device, a.quick), steps=[]), []
    for size, batch in shapes:
        try: raw, first, all, used, failed = measure(size, batch, device, rounds, names)
        except torch.OutOfMemoryError as e: print(f'{size}x{size}, batch {batch}: not enough memory ({e})', flush=True); continue
        took = {k: dict(wall=spread(v['wall']), cpu=spread(v['cpu'])) for k, v in raw.items()}
        here = [k for k in names if k not in failed]
        apart = {k: max(abs(v - first['reference'][n])/max(1, abs(v)) for n, v in first[k].items()) for k in here}
        one = dict(size=size, batch=batch, times=took, ratio={k: faster(raw, 'reference', k) for k in here}, losses=first, losses_apart=apart, failed=failed,
                   pictures_per_second={k: round(batch/v['wall']['median'], 1) for k, v in took.items()})
        one['memory_mb'] = used or {k: fresh(memory.format(threads=a.threads, device=a.device, which='reference' if k == 'reference' else 'ours', size=size, batch=batch,
                                                           way='float32' if k == 'reference' else k), a.threads)[0] for k in ('reference', *here)}
        if not a.quick and (device.type == 'cpu' or (size, batch) == (256, 32)): one['top_ten'] = {k: top_ten(all[k].train_step, device) for k in dict.fromkeys(('reference', here[0], here[-1]))}
        for k in ('reference', *here):
            moved = {}      # the other ways do what float32 does, but move half the bytes, or join operations
            if k in ('reference', 'float32'): count, moved = flops(all[k].train_step), moved_at(traffic(all[k].train_step), took[k]['wall']['median'], res['ceilings'])
            best = max(v for o, v in res['ceilings'].items() if ('bfloat16' if '16' in k else 'float32') in o)
            speed = count/took[k]['wall']['median']/1e9
            one[f'limit {k}'] = dict(gflop=round(count/1e9, 1), gflop_per_second=round(speed, 1), share_of_ceiling=round(speed/best, 3), **moved)
        res['steps'].append(one)
        tell = lambda k: f"{ms(took[k]['wall'])}, {one['pictures_per_second'][k]:.1f} pictures/s" + (f", {one['memory_mb'][k]:.0f} MB" if k in one['memory_mb'] else '')
        for k in here:
            rows.append(dict(what=f'training step {size}x{size}, batch {batch}, {k}', reference=tell('reference'), ours=tell(k), ratio=times(one['ratio'][k])))
            print(' | '.join(rows[-1].values()), '| processor time', one['ratio'][k]['cpu'], '| losses apart', apart[k], flush=True)
        if device.type == 'cuda':
            full = one['ratio_to_full_float32'] = {k: faster(raw, 'reference, full float32', k) for k in here}
            rows.append(dict(what=f'the same, {here[-1]}, against the original\'s way without TF32', reference=tell('reference, full float32'), ours='', ratio=times(full[here[-1]])))
            print(rows[-1], flush=True)
        print({k: v for k, v in one.items() if k.startswith('limit')}, flush=True)
        del all; torch.cuda.empty_cache(); torch.compiler.reset()
    print(res['ceilings'])
    if not a.quick or a.out: save('training', res | dict(rows=rows), a.out)
    for one in res['steps']: assert one['losses_apart']['float32'] < 1e-4, f'losses differ from the reference: {one["losses"]}'

if __name__ == '__main__': main()
