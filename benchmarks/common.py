"What the benchmarks share: the machine, timing by turns, ceilings, result files and the table in README.md."
import json, os, platform, re, statistics, subprocess, sys, time
from contextlib import contextmanager
from pathlib import Path
import torch

here = Path(__file__).parent

def machine(device:torch.device) -> dict:
    "What the numbers depend on."
    cpu, info = platform.processor(), Path('/proc/cpuinfo')
    if info.exists(): cpu = next((o.split(':')[1].strip() for o in info.read_text().splitlines() if o.startswith('model name')), cpu)
    return dict(device=torch.cuda.get_device_name(device) if device.type == 'cuda' else cpu, kind=device.type, cores=os.cpu_count(), threads=torch.get_num_threads(),
                bf16=has_bf16(device), load=round(os.getloadavg()[0], 1) if hasattr(os, 'getloadavg') else None,
                python=platform.python_version(), torch=torch.__version__, date=time.strftime('%Y-%m-%d'))

def has_bf16(device:torch.device) -> bool:
    "Does the processor multiply bfloat16 numbers itself?"
    if device.type == 'cuda': return torch.cuda.is_bf16_supported(False)
    info = Path('/proc/cpuinfo')
    return info.exists() and bool({'avx512_bf16', 'amx_bf16'} & set(info.read_text().split()))

def sync(device:torch.device):
    if device.type == 'cuda': torch.cuda.synchronize(device)

@contextmanager
def full_float32():
    "Without TF32, in which GPUs otherwise compute convolutions."
    old, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    try: yield
    finally: torch.backends.cudnn.allow_tf32 = old

def by_turns(
    ways:dict, # name -> function without arguments
    rounds:int, # how often each is measured
    device:torch.device,
) -> dict: # name -> dict with lists 'wall' and 'cpu', seconds
    "Measure each in turn, again and again, so that a busy minute hits all of them; each runs once before, unmeasured."
    out = {k: dict(wall=[], cpu=[]) for k in ways}
    for f in ways.values(): f()
    for _ in range(rounds):
        for k, f in ways.items():
            sync(device); wall, cpu = time.perf_counter(), time.process_time()
            f(); sync(device)
            out[k]['wall'].append(time.perf_counter() - wall); out[k]['cpu'].append(time.process_time() - cpu)
    return out

def spread(x:list) -> dict:
    "Median and range, rounded to 4 digits."
    return {k: float(f'{v:.4g}') for k, v in dict(median=statistics.median(x), low=min(x), high=max(x)).items()}

def faster(times:dict, reference:str, other:str) -> dict: # ratios, of wall time and of processor time
    "How many times faster `other` is: median and range of the ratios of the rounds, and the ratio of processor time."
    return dict(spread([a/b for a, b in zip(times[reference]['wall'], times[other]['wall'])]),
                cpu=spread([a/b for a, b in zip(times[reference]['cpu'], times[other]['cpu'])])['median'])

def ceilings(device:torch.device, quick:bool=False) -> dict: # GFLOP/s and GB/s
    "The fastest that this machine multiplies and copies: the best of several tries."
    n = 1024 if quick else 8192 if device.type == 'cuda' else 2048
    def best(f, amount, tries=3 if quick else 7):
        f(); took = []
        for _ in range(tries):
            sync(device); start = time.perf_counter(); f(); sync(device); took.append(time.perf_counter() - start)
        return round(amount/min(took)/1e9, 1)
    out = {}
    for name, dtype in dict(float32=torch.float32, bfloat16=torch.bfloat16).items():
        a = torch.randn(n, n, device=device, dtype=dtype)
        out[f'matrix product {name}, GFLOP/s'] = best(lambda: a @ a, 2*n**3)
        x = torch.randn(1, 128, 64, 64, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
        conv = torch.nn.Conv2d(128, 128, 3, padding=1, device=device, dtype=dtype).to(memory_format=torch.channels_last).requires_grad_(False)
        out[f'3x3 convolution 128 to 128 at 64x64 {name}, GFLOP/s'] = best(lambda: conv(x), 2*9*128*128*64*64)
    a = torch.empty(2**23 if quick else 2**26, device=device); b = torch.empty_like(a)
    out['copy, GB/s (read and written)'] = best(lambda: b.copy_(a), 2*4*a.numel())
    return out

def top_ten(f, device:torch.device) -> list:
    "The ten operations that take most of the time of `f`."
    from torch.profiler import profile, ProfilerActivity
    acts = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA]*(device.type == 'cuda')
    with profile(activities=acts) as p: f(); sync(device)
    own = lambda e: e.self_device_time_total if device.type == 'cuda' else e.self_cpu_time_total
    rows = sorted(p.key_averages(), key=own, reverse=True)
    total = sum(map(own, rows))
    return [dict(operation=e.key, calls=e.count, share=round(own(e)/total, 3)) for e in rows[:10]]

def flops(f) -> int:
    "Floating point operations of `f`, a product with its sum counted as two."
    from torch.utils.flop_counter import FlopCounterMode
    with FlopCounterMode(display=False) as m: f()
    return m.get_total_flops()

def traffic(f) -> int:
    "Bytes that the operations of `f` read and write, each for itself, as if no cache held anything between two of them."
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves
    place = lambda t: t.untyped_storage()._cdata
    size = lambda t: min(t.numel()*t.element_size(), t.untyped_storage().nbytes())      # of what is expanded, what there is
    class Count(TorchDispatchMode):
        total = 0
        def __torch_dispatch__(self, op, types, args=(), kw=None):
            out = op(*args, **(kw or {}))
            read, made = ([t for t in tree_leaves(o) if isinstance(t, torch.Tensor)] for o in ((args, kw), out))
            view, shape_only = not op._schema.is_mutable and {*map(place, made)} <= {*map(place, read)}, 'new_' in op.name() or '_like' in op.name()
            if not view and 'empty' not in op.name(): self.total += sum(map(size, made if shape_only else made + read))
            return out
    with Count() as m: f()
    return m.total

def moved_at(amount:int, seconds:float, ceilings:dict) -> dict:
    "`amount` bytes in a time, and the share of the time that the machine needs to copy as much."
    best = next(v for k, v in ceilings.items() if k.startswith('copy'))
    return dict(gbyte=round(amount/1e9, 2), share_of_copying=round(amount/1e9/best/seconds, 3))

def fresh(code:str, threads:int, tries:int=1) -> list: # what each try printed, read as JSON
    "Run `code` in processes of their own."
    env = {**os.environ, 'OMP_NUM_THREADS': str(threads), 'PYTHONPATH': os.pathsep.join([str(here.parent), os.environ.get('PYTHONPATH', '')])}
    return [json.loads(subprocess.run([sys.executable, '-c', code], env=env, check=True, capture_output=True, text=True).stdout.splitlines()[-1]) for _ in range(tries)]

def peak_mb() -> float:
    "The most memory that this process has held, in MB."
    status = Path('/proc/self/status')
    if status.exists(): return int(re.search(r'VmHWM:\s+(\d+)', status.read_text())[1])/1024
    import resource   # on Linux this would count the parent process as well
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/(2**20 if sys.platform == 'darwin' else 2**10)

def save(name:str, result:dict, file=None):
    "Write a result file, and all result files' rows into the table of README.md."
    file = Path(file or here/'results'/f'{name}-{result["machine"]["kind"]}.json')
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + '\n')
    if file.parent == here/'results': write_table()
    print(f'written to {file}')

def write_table():
    "The table of README.md, from the files in results/."
    lines = ['| what | the original\'s way | here | ratio (range) | device |', '| --- | --- | --- | --- | --- |']
    for f in sorted((here/'results').glob('*.json')):
        r = json.loads(f.read_text())
        for row in r.get('rows', []):
            m = row.get('machine', r['machine'])
            lines.append('| ' + ' | '.join([row['what'], row.get('reference', ''), row.get('ours', ''), row.get('ratio', ''), f"{m['device']}, {m['threads']} threads" if m['kind'] == 'cpu' else m['device']]) + ' |')
    for name in ('sampling', 'training'):
        if not (here/'results'/f'{name}-cuda.json').exists(): lines.append(f'| {name} on a GPU: `python -m benchmarks.{name} --device cuda` | | not measured | | |')
    file = here/'README.md'
    file.write_text(re.sub(r'(<!-- table -->\n).*?(<!-- end -->)', lambda m: m[1] + '\n'.join(lines) + '\n' + m[2], file.read_text(), flags=re.S))

def ms(t): return f'{1e3*t["median"]:.0f} ms ({1e3*t["low"]:.0f} to {1e3*t["high"]:.0f})'
def times(r): return f'{r["median"]:.2f} ({r["low"]:.2f} to {r["high"]:.2f})'
