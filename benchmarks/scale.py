"""How fast data come, how far processes go, how many pictures a folder run completes: python -m benchmarks.scale

Everything is measured in one run on this machine; the result file names it. Loaders are compared with what training needs.
Beside the rates stands the processor's time for a picture where one process does all: it hardly depends on what else runs on the machine."""
import argparse, csv, json, os, shutil, socket, statistics, subprocess, sys, tarfile, tempfile, time, tracemalloc
from pathlib import Path
import torch
from picnet_nb.complete import Completer, complete_folder, picture_files
from picnet_nb.data import FileList, PictureFiles, PictureSet, PictureStream, list_images, sample_path
from picnet_nb.masks import make_masks
from picnet_nb.train import TrainConfig, Trainer
from .common import here, machine, save

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
        yield dict(what=f'list {n:,} files: {name}', **listing(f, n))
    shutil.rmtree(folder)

def listing(f, n:int):
    "Seconds of `f()`, and bytes for each of `n` files: of what it returns, and at its peak."
    start = time.perf_counter(); x = f(); took = time.perf_counter() - start; del x
    tracemalloc.start(); x = f(); held, peak = tracemalloc.get_traced_memory(); tracemalloc.stop()
    return dict(seconds=round(took, 2), bytes_each=round(held/n), peak_each=round(peak/n))

def million(tmp:Path, n:int, device):
    "A tree of `n` pictures, all links to a few files: listing it, and what `picnet_complete` does before and after the first picture."
    from PIL import Image
    folder, picture = tmp/'million', Image.open(sample_path()).resize((96, 64))
    for i in range(n):
        if i%10_000 == 0: (sub := folder/f'{i//10_000:04}').mkdir(parents=True); picture.save(first := sub/f'photograph_{i:08}.jpg')
        else: os.link(first, sub/f'photograph_{i:08}.jpg')
    yield dict(what=f'tree of {n:,} pictures: FileList', **listing(lambda: FileList(folder), n))
    start = time.perf_counter(); files = picture_files(folder, [tmp/'first', None]); listed = time.perf_counter()
    completer = Completer.from_pretrained(None, None if device == 'cuda' else device)
    loaded = time.perf_counter(); done, *_ = complete_folder(completer, files, 'center', tmp/'first', 1, 0, which=[n - 1], say=lambda *a, **k: None)
    yield dict(what=f'tree of {n:,} pictures: picnet_complete, the last one alone', seconds_to_list=round(listed - start, 2), seconds_to_complete=round(time.perf_counter() - loaded, 2))
    assert done == 1
    start = time.perf_counter(); data = PictureFiles(folder, 64, device=device, workers=0); data.batch(8, torch.Generator().manual_seed(0))
    yield dict(what=f'tree of {n:,} pictures: PictureFiles, up to the first batch', seconds=round(time.perf_counter() - start, 2))
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
    "The same training steps by one process and by several, start and end not counted; their losses must be the same."
    for n in counts:
        launch(n, '-m', 'picnet_nb.train', sample_path().parent, '--size', size, '--batch', batch, '--steps', steps, '--log-every', 1, '--show-every', steps, '--save-every', steps,
                        '--out', tmp/f'run{n}', *(['--device', 'cpu'] if device == 'cpu' else []))
        with open(tmp/f'run{n}'/'log.csv') as f: log = list(csv.DictReader(f))
        loss = [{k: float(v) for k, v in o.items() if v and k not in ('step', 'seconds', 'diversity')} for o in log]
        if n == counts[0]: alone = loss
        apart = max(abs(a[k] - b[k])/max(1, abs(a[k])) for a, b in zip(alone, loss) for k in a)
        assert len(log) == steps and apart < 1e-3, f'{n} processes train otherwise than {counts[0]}: losses differ by {apart:.2g}'
        yield dict(what=f'training, {size} px, batch {batch}, {n} processes', pictures_per_second=round(batch*(steps - 1)/(float(log[-1]['seconds']) - float(log[0]['seconds'])), 2),
                   **({'largest_difference_of_a_loss': float(f'{apart:.1g}')} if n != counts[0] else {}))

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

def together(tmp:Path, pictures:int, device, counts=(1, 2)):
    "A folder completed by the command, in one process and in several; both must make the same pictures."
    import numpy as np
    from PIL import Image
    folder, made = photographs(tmp/'shared', pictures, (500, 375)), []
    for k in counts:
        out, _ = launch(k, '-m', 'picnet_nb.complete', folder, 'strokes', '--n', 1, '--out', tmp/f'outs{k}', *(['--device', 'cpu'] if device == 'cpu' else []))
        made.append([np.asarray(Image.open(o), int) for o in sorted((tmp/f'outs{k}').rglob('01.png'))])
        apart = max(abs(a - b).max().item() for a, b in zip(made[0], made[-1]))       # another batch rounds otherwise
        assert len(made[-1]) == pictures and apart <= 2, f'{k} processes completed otherwise than {counts[0]}'
        yield dict(what=f'folder completed, 1 of each, {k} processes', pictures_per_second=float(out.split('pictures/s')[0].split()[-1]),
                   **({'of_255_largest_difference': apart} if k != counts[0] else {}))

def row(what:str, **numbers) -> dict:
    "A row of the result file: the numbers, and how the table tells them."
    tell = lambda v: f'{v[0]:g} ({v[1]:g} to {v[2]:g})' if isinstance(v, list) else f'{v:,}'
    return dict(what=what, ours=', '.join(f'{tell(v)} {k.replace("_", " ")}' for k, v in numbers.items()), numbers=numbers)

def merged(result:dict, file:Path) -> dict:
    "The result with the rows that an earlier one in `file` has besides; these remember the machine and the options that they were measured with."
    if not Path(file).exists(): return result
    old, new = json.loads(Path(file).read_text()), {o['what'] for o in result['rows']}
    kept = [{**{k: old[k] for k in ('machine', 'options', 'note') if k in old}, **o} for o in old['rows'] if o['what'] not in new]
    return {**result, 'rows': kept + result['rows']}

def main(argv=None):
    p = argparse.ArgumentParser('benchmarks.scale', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--parts', nargs='+', default=['scan', 'loaders', 'training', 'completing', 'processes'], help='default: all; what other parts measured before stays in the result file')
    p.add_argument('--million', action='store_true', help='only this: list a tree of a million pictures (links to a hundred files), and begin to complete it')
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
                     training=lambda: training(a.size, a.batch, a.seconds, device), completing=lambda: completing(tmp, a.pictures, device),
                     processes=lambda: (o for f in (processes(tmp, a.size, a.batch, a.steps, device), together(tmp, a.pictures, device)) for o in f),
                     million=lambda: million(tmp, 10**6, device))
        for part in ['million'] if a.million else a.parts:
            for o in parts[part](): rows.append(row(**o)); print(f'{rows[-1]["what"]}: {rows[-1]["ours"]}', flush=True)
    options = {k: v for k, v in vars(a).items() if k not in ('out', 'million')}
    save('scale', merged(dict(machine=machine(torch.device(device)), options=options, rows=rows), a.out or here/'results'/f'scale-{device}.json'), a.out)

if __name__ == '__main__': main()
