"""How fast a training step is, compared with the original's way of computing, on this machine: python -m benchmarks.training

Both take the same steps from the same weights, by turns; that their losses agree is checked in the same run. `--quick` takes less than a minute."""
import argparse, copy
import torch
from picnet_nb.data import fit, sample as photograph, sample_names, to_tensor
from picnet_nb.hub import load
from picnet_nb.train import TrainConfig, Trainer
from .common import by_turns, ceilings, faster, flops, fresh, machine, ms, save, spread, times, top_ten
from .reference import plain, trainable

class Photographs:
    "The bundled photographs, again and again."
    def __init__(self, size:int): self.images = torch.cat([to_tensor(fit(photograph(o), size)) for o in sample_names()])
    def batch(self, n, generator): return self.images[torch.randint(len(self.images), (n,), generator=generator)]

class Original(Trainer):
    "Trains as the original computes: plain float32, pictures channel by channel, see `benchmarks.reference`."
    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        plain(self.net); plain(self.ema)

    def batch(self):
        image, *rest = super().batch()
        return image.contiguous(memory_format=torch.contiguous_format), *rest

def trainer(which:str, size:int, batch:int, device, net=None, amp='no'):
    "A trainer of the released model's shape; with the bundled weights if no network is given."
    cfg = TrainConfig(size=size, batch=batch, steps=10**6, amp='no' if which == 'reference' else amp, masks=('center', 'rectangles', 'strokes'))
    net = copy.deepcopy(net or trainable(load(device='cpu')))
    return (Original if which == 'reference' else Trainer)(Photographs(size), cfg, net, device=device, quiet=True)

def measure(size, batch, device, rounds, amps):
    "Times of a step, losses of the first one."
    base = trainable(load(device='cpu'))
    base.config.image_size = size
    all = dict(reference=trainer('reference', size, batch, device, base), **{a: trainer('ours', size, batch, device, base, b) for a, b in amps.items()})
    first = {k: {n: v.item() for n, v in t.train_step().items()} for k, t in all.items()}
    return by_turns({k: t.train_step for k, t in all.items()}, rounds, device), first, all

memory = """
import json, torch; torch.set_num_threads({threads})
from benchmarks.common import peak_mb
from benchmarks.training import trainer
device = torch.device('{device}')
t = trainer('{which}', {size}, {batch}, device)
before = peak_mb()
for _ in range(2): t.train_step()
print(json.dumps(torch.cuda.max_memory_allocated(device)/2**20 if device.type == 'cuda' else peak_mb() - before))
"""

def main():
    p = argparse.ArgumentParser('python -m benchmarks.training', description=__doc__)
    p.add_argument('--device', default='cpu', help='cpu or cuda')
    p.add_argument('--threads', type=int, default=2, help='of the CPU (2)')
    p.add_argument('--rounds', type=int, default=7, help='measurements of each (7)')
    p.add_argument('--shapes', nargs='+', metavar='SIZExBATCH', help='such as 256x2; default: 128x4 256x2, on a GPU 128x32 256x32')
    p.add_argument('--quick', action='store_true', help='a short form, to see that it runs; writes a result file only with --out')
    p.add_argument('--out', help='result file, if not benchmarks/results/training-DEVICE.json')
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    device, rounds = torch.device(a.device), 1 if a.quick else a.rounds
    shapes = [tuple(map(int, o.split('x'))) for o in a.shapes or (['64x2'] if a.quick else ['128x32', '256x32'] if device.type == 'cuda' else ['128x4', '256x2'])]
    amps = dict(float32='no') | (dict(mixed='auto') if device.type == 'cuda' else {})
    res, rows = dict(machine=machine(device), rounds=rounds, ceilings=ceilings(device, a.quick), steps=[]), []
    for size, batch in shapes:
        raw, first, all = measure(size, batch, device, rounds, amps)
        took = {k: dict(wall=spread(v['wall']), cpu=spread(v['cpu'])) for k, v in raw.items()}
        apart = {k: max(abs(v - first['reference'][n])/max(1, abs(v)) for n, v in first[k].items()) for k in amps}
        step = dict(size=size, batch=batch, times=took, ratio={k: faster(raw, 'reference', k) for k in amps}, losses=first, losses_apart=apart)
        step['memory_mb'] = {k: fresh(memory.format(threads=a.threads, device=a.device, which=k, size=size, batch=batch), a.threads)[0] for k in ('reference', 'ours')}
        if not a.quick: step['top_ten'] = {k: top_ten(t.train_step, device) for k, t in all.items()}
        best = max(v for k, v in res['ceilings'].items() if 'float32' in k)
        for k in ('reference', 'float32'):
            count = flops(all[k].train_step)
            step[f'limit {k}'] = dict(gflop=round(count/1e9, 1), gflop_per_second=round(count/took[k]['wall']['median']/1e9, 1), share_of_ceiling=round(count/took[k]['wall']['median']/1e9/best, 2))
        res['steps'].append(step)
        for k in amps:
            rows.append(dict(what=f'training step {size}x{size}, batch {batch}, {k}', reference=ms(took['reference']['wall']) + f", {step['memory_mb']['reference']:.0f} MB",
                             ours=ms(took[k]['wall']) + (f", {step['memory_mb']['ours']:.0f} MB" if k == 'float32' else ''), ratio=times(step['ratio'][k])))
            print(' | '.join(rows[-1].values()), '| processor time', step['ratio'][k]['cpu'], '| losses apart', apart[k], flush=True)
        print({k: v for k, v in step.items() if k.startswith('limit')}, flush=True)
        assert apart['float32'] < 1e-4, f'losses differ from the reference: {first}'
    print(res['ceilings'])
    if not a.quick or a.out: save('training', res | dict(rows=rows), a.out)

if __name__ == '__main__': main()
