"""How fast a training step is, compared with the original's way of computing, on this machine: python -m benchmarks.training

Both take the same steps from the same weights, by turns; that their losses agree is checked in the same run. `--quick` takes less than a minute."""
import argparse, copy
import torch
from picnet_nb.data import fit, sample as photograph, sample_names, to_tensor
from picnet_nb.hub import load
from picnet_nb.train import TrainConfig, Trainer
from .common import by_turns, ceilings, faster, flops, fresh, full_float32, has_bf16, machine, ms, save, spread, sync, times, top_ten
from .reference import plain, trainable

class Photographs:
    "The bundled photographs, again and again; they lie on the device."
    def __init__(self, size:int, device): self.images = torch.cat([to_tensor(fit(photograph(o), size)) for o in sample_names()]).to(device)
    def batch(self, n, generator): return self.images[torch.randint(len(self.images), (n,), generator=generator).to(self.images.device)]

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

def trainer(which:str, size:int, batch:int, device, net=None, way='float32'):
    "A trainer of the released model's shape, which computes in one of `ways`; with the bundled weights if no network is given."
    amp, *compiled = ways[way]
    cfg = TrainConfig(size=size, batch=batch, steps=10**6, amp=amp, masks=('center', 'rectangles', 'strokes'))
    net = copy.deepcopy(net or trainable(load(device='cpu')))
    t = (Original if which == 'reference' else Trainer)(Photographs(size, device), cfg, net, device=device, quiet=True)
    for m in (t.net.encoder, t.net.generator, t.net.disc, t.net.disc_rec) if compiled else []: m.compile(**compiled[0])
    return t

ways = {'float32': ('no',), 'bfloat16': ('bf16',), 'float16': ('fp16',), 'float32, compiled': ('no', {}), 'bfloat16, compiled': ('bf16', {}),
        'bfloat16, CUDA graphs': ('bf16', dict(mode='reduce-overhead'))}   # precision, and what torch.compile is told

def step(t):
    "A training step; its losses."
    torch.compiler.cudagraph_mark_step_begin()
    return t.train_step()

def measure(size, batch, device, rounds, names):
    "Times of a step, losses of the first one; a way that doesn't work here is named and left out."
    base = trainable(load(device='cpu'))
    base.config.image_size = size
    all, first, failed = dict(reference=trainer('reference', size, batch, device, base)), {}, {}
    with full_float32():     # a GPU's shorter float32 would hide what we want to see
        for k in ('reference', *names):
            try:
                if k != 'reference': all[k] = trainer('ours', size, batch, device, base, k)
                first[k] = {n: v.item() for n, v in step(all[k]).items()}
                step(all[k]); sync(device)
            except Exception as e:
                if k in ('reference', 'float32'): raise
                failed[k] = f'{type(e).__name__}: {str(e).strip().splitlines()[0][:200]}'; all.pop(k, None); first.pop(k, None)
                print(f'{k} does not work here: {failed[k]}', flush=True)
    return by_turns({k: lambda t=t: step(t) for k, t in all.items()}, rounds, device), first, all, failed

memory = """
import json, torch; torch.set_num_threads({threads})
from benchmarks.common import peak_mb
from benchmarks.training import step, trainer
device = torch.device('{device}')
t = trainer('{which}', {size}, {batch}, device, way='{way}')
before = peak_mb()
for _ in range(3): step(t)
print(json.dumps(torch.cuda.max_memory_allocated(device)/2**20 if device.type == 'cuda' else peak_mb() - before))
"""

def main():
    p = argparse.ArgumentParser('python -m benchmarks.training', description=__doc__)
    p.add_argument('--device', default='cpu', help='cpu or cuda')
    p.add_argument('--threads', type=int, default=2, help='of the CPU (2)')
    p.add_argument('--rounds', type=int, default=7, help='measurements of each (7)')
    p.add_argument('--shapes', nargs='+', metavar='SIZExBATCH', help='such as 256x2; default: 128x4 256x2, on a GPU 128x32 256x8 256x32 256x64')
    p.add_argument('--ways', nargs='+', choices=list(ways), help='how to compute; default: float32, and on a GPU all')
    p.add_argument('--quick', action='store_true', help='a short form, to see that it runs; writes a result file only with --out')
    p.add_argument('--out', help='result file, if not benchmarks/results/training-DEVICE.json')
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    device, rounds = torch.device(a.device), 1 if a.quick else a.rounds
    shapes = [tuple(map(int, o.split('x'))) for o in a.shapes or (['64x2'] if a.quick else ['128x32', '256x8', '256x32', '256x64'] if device.type == 'cuda' else ['128x4', '256x2'])]
    names = ['float32', *(o for o in a.ways or (ways if device.type == 'cuda' else []) if o != 'float32' and (has_bf16(device) or 'bfloat16' not in o))]
    res, rows = dict(machine=machine(device), rounds=rounds, ceilings=ceilings(device, a.quick), steps=[]), []
    for size, batch in shapes:
        try: raw, first, all, failed = measure(size, batch, device, rounds, names)
        except torch.OutOfMemoryError as e: print(f'{size}x{size}, batch {batch}: not enough memory ({e})', flush=True); continue
        took = {k: dict(wall=spread(v['wall']), cpu=spread(v['cpu'])) for k, v in raw.items()}
        here = [k for k in names if k not in failed]
        apart = {k: max(abs(v - first['reference'][n])/max(1, abs(v)) for n, v in first[k].items()) for k in here}
        one = dict(size=size, batch=batch, times=took, ratio={k: faster(raw, 'reference', k) for k in here}, losses=first, losses_apart=apart, failed=failed,
                   pictures_per_second={k: round(batch/v['wall']['median'], 1) for k, v in took.items()})
        one['memory_mb'] = {k: fresh(memory.format(threads=a.threads, device=a.device, which='reference' if k == 'reference' else 'ours', size=size, batch=batch,
                                                   way='float32' if k == 'reference' else k), a.threads)[0] for k in ('reference', *here)}
        if not a.quick: one['top_ten'] = {k: top_ten(lambda: step(t), device) for k, t in all.items()}
        best = max(v for k, v in res['ceilings'].items() if 'float32' in k)
        for k in ('reference', 'float32'):
            count = flops(all[k].train_step)
            one[f'limit {k}'] = dict(gflop=round(count/1e9, 1), gflop_per_second=round(count/took[k]['wall']['median']/1e9, 1), share_of_ceiling=round(count/took[k]['wall']['median']/1e9/best, 2))
        res['steps'].append(one)
        tell = lambda k: f"{ms(took[k]['wall'])}, {one['pictures_per_second'][k]:.1f} pictures/s, {one['memory_mb'][k]:.0f} MB"
        for k in here:
            rows.append(dict(what=f'training step {size}x{size}, batch {batch}, {k}', reference=tell('reference'), ours=tell(k), ratio=times(one['ratio'][k])))
            print(' | '.join(rows[-1].values()), '| processor time', one['ratio'][k]['cpu'], '| losses apart', apart[k], flush=True)
        print({k: v for k, v in one.items() if k.startswith('limit')}, flush=True)
        del all; torch.cuda.empty_cache()
        assert apart['float32'] < 1e-4, f'losses differ from the reference: {first}'
    print(res['ceilings'])
    if not a.quick or a.out: save('training', res | dict(rows=rows), a.out)

if __name__ == '__main__': main()
