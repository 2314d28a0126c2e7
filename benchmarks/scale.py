"""How fast data come, how far processes go, how many pictures a folder run completes: python -m benchmarks.scale

Everything is measured in one run on this machine; the result file names it. Loaders are compared with what training needs.
Beside the rates stands the processor's time for a picture where one process does all: it hardly depends on what else runs on the machine."""
import argparse, os, shutil, socket, statistics, subprocess, sys, tarfile, tempfile, time, tracemalloc
from pathlib import Path
import torch
from picnet_nb.complete import Completer, complete_folder
from picnet_nb.data import FileList, PictureFiles, PictureSet, PictureStream, list_images, sample_path
from picnet_nb.masks import make_masks
from picnet_nb.train import TrainConfig, Trainer
from .common import machine, save

def rates(f, per:int, seconds:float, rounds:int=3, alone:bool=True):
    "Median, lowest and highest number of pictures a second; a call of `f` does `per` of them. With `alone`, the processor's time for one as well."
    f(); got, work, total = [], time.process_time(), 0
    for _ in range(rounds):
        n, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds: f(); n += per
        got.append(n/(time.perf_counter() - start)); total += n
    ms = {'ms_of_a_core_each': round(1000*(time.process_time() - work)/total, 2)} if alone else {}
    return dict(pictures_per_second=[round(o, 1) for o in (statistics.median(got), min(got), max(got))], **ms)

def photographs(folder:Path, n:int, size:tuple):
    "`n` JPEG files of that size, from the bundled photographs."
    from PIL import Image
    folder.mkdir()
    originals = list_images(sample_path().parent)[:n]
    for i, o in enumerate(originals): Image.open(o).resize(size, Image.Resampling.BICUBIC).save(folder/f'{i:06}.jpg', quality=90)
    for i in range(len(originals), n): shutil.copy(folder/f'{i%len(originals):06}.jpg', folder/f'{i:06}.jpg')
    return folder

def scan(tmp:Path, n:int):
    "Listing a folder with `n` files: seconds, bytes held for each, bytes at the peak for each."
    folder = tmp/'many'
    for i in range(n):
        if i%10_000 == 0: (sub := folder/f'{i//10_000:04}').mkdir(parents=True)
        (sub/f'photograph_{i:08}.jpg').touch()
    for name, f in (('list of paths', lambda: list_images(folder)), ('FileList', lambda: FileList(folder))):
        start = time.perf_counter(); x = f(); took = time.perf_counter() - start; del x
        tracemalloc.start(); x = f(); held, peak = tracemalloc.get_traced_memory(); tracemalloc.stop()
        yield dict(what=f'list {n:,} files: {name}', seconds=round(took, 2), bytes_each=round(held/n), peak_each=round(peak/n)); del x
    shutil.rmtree(folder)

def loaders(tmp:Path, size:int, batch:int, seconds:float, workers:list, device):
    "Pictures a second of each way to get batches, from photographs of 500x375 and of 12 megapixels."
    for name, n, pixels in (('500x375', 240, (500, 375)), ('4000x3000', 24, (4000, 3000))):
        folder = photographs(tmp/name, n, pixels)
        with tarfile.open(tmp/f'{name}.tar', 'w') as t: t.add(folder, name)
        ways = [(f'PictureFiles, {w} workers', PictureFiles(folder, size, device=device, workers=w)) for w in workers]
        ways += [(f'PictureStream, {w} workers', PictureStream(tmp/f'{name}.tar', size, device=device, workers=w, buffer=16)) for w in workers]
        if n > 100: ways = [('PictureSet, in memory', PictureSet(folder, size, device=device)), *ways]
        for what, data in ways:
            g = torch.Generator().manual_seed(0)
            yield dict(what=f'{what}: JPEG of {name} to {size} px', **rates(lambda: data.batch(batch, g), batch, seconds, alone=not getattr(data, 'workers', 0)))
            data.rows = None    # ends its workers

def training(size:int, batch:int, seconds:float, device):
    "What a step needs: pictures a second of training from memory, and of the masks for the whole batch."
    data = PictureSet(sample_path().parent, size, device=device)
    t = Trainer(data, TrainConfig(size=size, batch=batch), device=device, quiet=True)
    def step():
        t.train_step()
        if t.device.type == 'cuda': torch.cuda.synchronize()
    yield dict(what=f'training step, {size} px, batch {batch}', **rates(step, batch, seconds))
    weights = sum(p.numel() for p in t.net.parameters())
    yield dict(what='gradients added up in each step', megabytes=round(4*weights/2**20, 1))
    g = torch.Generator().manual_seed(0)
    yield dict(what=f'holes drawn, {size} px', **rates(lambda: make_masks(('rectangles', 'strokes'), 64, size, g, device), 64, seconds/2))

def launch(n:int, *args):
    "Run `python args` as `n` processes; seconds."
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    threads = str(max(1, (os.cpu_count() or 1)//n))
    env = {**os.environ, 'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port), 'WORLD_SIZE': str(n), 'LOCAL_WORLD_SIZE': str(n), 'OMP_NUM_THREADS': threads}
    start = time.perf_counter()
    ps = [subprocess.Popen([sys.executable, *map(str, args)], env={**env, 'RANK': str(r), 'LOCAL_RANK': str(r)}, stdout=subprocess.PIPE, text=True) for r in range(n)]
    out = [p.communicate()[0] for p in ps]
    if any(p.returncode for p in ps): raise RuntimeError(f'a process failed: {[p.returncode for p in ps]}')
    return out[0], time.perf_counter() - start

def processes(tmp:Path, size:int, batch:int, steps:int, device, counts=(1, 2)):
    "The same training steps by one process and by several: seconds a step, start and end not counted."
    for n in counts:
        out, _ = launch(n, '-m', 'picnet_nb.train', sample_path().parent, '--size', size, '--batch', batch, '--steps', steps, '--log-every', 1, '--show-every', steps, '--save-every', steps,
                        '--out', tmp/f'run{n}', *(['--device', 'cpu'] if device == 'cpu' else []))
        at = [float(o.split()[-2]) for o in out.splitlines() if o.startswith('step') and o.endswith(' s')]
        yield dict(what=f'training, {size} px, batch {batch}, {n} processes', pictures_per_second=round(batch*(len(at) - 2)/max(at[-2] - at[0], .1), 2))

def completing(tmp:Path, pictures:int, device, counts=(1, 2)):
    "A folder completed: pictures a second, reading and writing PNG included."
    folder = photographs(tmp/'pictures', pictures, (500, 375))
    completer, files = Completer.from_pretrained(None, None if device == 'cuda' else device), FileList(folder)
    for n in (1, 8):
        for batch in (1, 8):
            start, work = time.perf_counter(), time.process_time()
            done, *_ = complete_folder(completer, files, 'strokes', tmp/f'out{n}-{batch}', n, 0, batch=batch, say=lambda *a, **k: None)
            assert done == pictures
            yield dict(what=f'folder completed, {n} of each, batch {batch}', pictures_per_second=round(pictures/(time.perf_counter() - start), 2),
                       ms_of_a_core_each=round(1000*(time.process_time() - work)/pictures, 1))
    for k in counts:
        out, _ = launch(k, '-m', 'picnet_nb.complete', folder, 'strokes', '--n', 1, '--out', tmp/f'outs{k}', *(['--device', 'cpu'] if device == 'cpu' else []))
        yield dict(what=f'folder completed, 1 of each, {k} processes', pictures_per_second=float(out.split('pictures/s')[0].split()[-1]))

def row(what:str, **numbers) -> dict:
    "A row of the result file: the numbers, and how the table tells them."
    tell = lambda v: f'{v[0]:g} ({v[1]:g} to {v[2]:g})' if isinstance(v, list) else f'{v:,}'
    return dict(what=what, ours=', '.join(f'{tell(v)} {k.replace("_", " ")}' for k, v in numbers.items()), numbers=numbers)

def main(argv=None):
    p = argparse.ArgumentParser('benchmarks.scale', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--parts', nargs='+', default=['scan', 'loaders', 'training', 'processes', 'completing'])
    p.add_argument('--files', type=int, default=200_000, help='in the folder to list')
    p.add_argument('--size', type=int, default=128)
    p.add_argument('--batch', type=int, default=8)
    p.add_argument('--seconds', type=float, default=3, help='of each of three rounds')
    p.add_argument('--steps', type=int, default=12, help='of training in several processes')
    p.add_argument('--pictures', type=int, default=48, help='to complete')
    p.add_argument('--workers', type=int, nargs='+', default=[0, 1, 2])
    p.add_argument('--out', type=Path, help='default: results/scale-cpu.json or -cuda.json, beside this file')
    a = p.parse_args(argv)
    device, rows = 'cuda' if torch.cuda.is_available() else 'cpu', []
    with tempfile.TemporaryDirectory() as d:
        tmp = Path(d)
        parts = dict(scan=lambda: scan(tmp, a.files), loaders=lambda: loaders(tmp, a.size, a.batch, a.seconds, a.workers, device),
                     training=lambda: training(a.size, a.batch, a.seconds, device), processes=lambda: processes(tmp, a.size, a.batch, a.steps, device),
                     completing=lambda: completing(tmp, a.pictures, device))
        for part in a.parts:
            for o in parts[part](): rows.append(row(**o)); print(f'{rows[-1]["what"]}: {rows[-1]["ours"]}', flush=True)
    options = {k: v for k, v in vars(a).items() if k != 'out'}
    save('scale', dict(machine=machine(torch.device(device)), options=options, rows=rows), a.out)

if __name__ == '__main__': main()
