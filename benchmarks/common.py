"What the benchmarks share: the machine, timing by turns, ceilings, result files and the table in README.md."
import json, os, platform, re, statistics, subprocess, sys, time
from contextlib import contextmanager
from pathlib import Path
import torch
from torch.profiler import profile, ProfilerActivity
from torch.utils.flop_counter import FlopCounterMode

here = Path(__file__).parent

def machine(device:torch.device) -> dict:
    "What the numbers depend on."
    name, info = platform.processor(), Path('/proc/cpuinfo')
    if info.exists(): name = (re.findall(r'model name\s*: (.*)', info.read_text()) or [name])[0]
    if device.type == 'cuda': name = torch.cuda.get_device_name(device)
    return dict(device=name, kind=device.type, cores=os.cpu_count(), threads=torch.get_num_threads(),
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
            sync(device)
            wall, cpu = time.perf_counter(), time.process_time()
            f()
            sync(device)
            out[k]['wall'].append(time.perf_counter() - wall)
            out[k]['cpu'].append(time.process_time() - cpu)
    return out

def spread(x:list) -> dict:
    "Median and range, rounded to 4 digits."
    return {k: float(f'{v:.4g}') for k, v in dict(median=statistics.median(x), low=min(x), high=max(x)).items()}

def medians(times:dict) -> dict: # as `by_turns` gives them
    return {k: {o: spread(t) for o, t in v.items()} for k, v in times.items()}

def faster(times:dict, reference:str, other:str) -> dict: # of wall time; 'cpu': of processor time
    "How many times faster `other` is: median and range of the ratios of the rounds."
    wall, cpu = (spread([a/b for a, b in zip(times[reference][k], times[other][k])]) for k in ('wall', 'cpu'))
    return dict(wall, cpu=cpu['median'])

def ceilings(device:torch.device, quick:bool=False) -> dict: # GFLOP/s
    "The fastest that this machine multiplies: the best of several tries."
    n = 1024 if quick else 8192 if device.type == 'cuda' else 2048
    def best(f, amount):
        took = by_turns({'': f}, 3 if quick else 7, device)['']['wall']
        return round(amount/min(took)/1e9, 1)
    out = {}
    for name, dtype in dict(float32=torch.float32, bfloat16=torch.bfloat16).items():
        if name == 'bfloat16' and not has_bf16(device): continue
        a, form = torch.randn(n, n, device=device, dtype=dtype), dict(memory_format=torch.channels_last)
        out[f'matrix product {name}'] = best(lambda: a @ a, 2*n**3)
        x = torch.randn(1, 128, 64, 64, device=device, dtype=dtype).contiguous(**form)
        conv = torch.nn.Conv2d(128, 128, 3, padding=1, device=device, dtype=dtype).to(**form).requires_grad_(False)
        out[f'3x3 convolution 128 to 128 at 64x64 {name}'] = best(lambda: conv(x), 2*9*128*128*64*64)
    return out

def at_limit(f, seconds:float, dtype:str, ceilings:dict) -> dict:
    "Floating point operations of `f`, a product with its sum counted as two, and the share of the ceiling reached."
    with FlopCounterMode(display=False) as m: f()
    count, best = m.get_total_flops(), max(v for k, v in ceilings.items() if dtype in k)
    return dict(gflop=round(count/1e9, 1), gflop_per_second=round(count/seconds/1e9, 1),
                share_of_ceiling=round(count/seconds/1e9/best, 3))

def top_ten(f, device:torch.device) -> list:
    "The ten operations that take most of the time of `f`."
    with profile(activities=[ProfilerActivity.CPU] + [ProfilerActivity.CUDA]*(device.type == 'cuda')) as p:
        f()
        sync(device)
    own = lambda e: e.self_device_time_total if device.type == 'cuda' else e.self_cpu_time_total
    rows = sorted(p.key_averages(), key=own, reverse=True)
    total = sum(map(own, rows))
    return [dict(operation=e.key, calls=e.count, share=round(own(e)/total, 3)) for e in rows[:10]]

def fresh(code:str, threads:int, tries:int=1) -> list: # what each try printed last, read as JSON
    "Run `code` in processes of their own."
    path = os.pathsep.join([str(here.parent), os.environ.get('PYTHONPATH', '')])
    env = {**os.environ, 'OMP_NUM_THREADS': str(threads), 'PYTHONPATH': path}
    run = lambda: subprocess.run([sys.executable, '-c', code], env=env, check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(run().stdout.splitlines()[-1]) for _ in range(tries)]

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
    lines = ["| what | the original's way | here | ratio (range) | device |", '| --- | --- | --- | --- | --- |']
    for f in sorted((here/'results').glob('*.json')):
        r = json.loads(f.read_text())
        m = r['machine']
        device = m['device'] + (f', {m["threads"]} threads' if m['kind'] == 'cpu' else '')
        for row in r['rows']:
            cells = [row['what'], *(row.get(k, '') for k in ('reference', 'ours', 'ratio')), device]
            lines.append(f'| {" | ".join(cells)} |')
    file, table = here/'README.md', '\n'.join([*lines, ''])
    new = re.sub(r'(<!-- table -->\n).*?(<!-- end -->)', lambda m: m[1] + table + m[2], file.read_text(), flags=re.S)
    file.write_text(new)

def ms(t): return f'{1e3*t["median"]:.0f} ms ({1e3*t["low"]:.0f} to {1e3*t["high"]:.0f})'
def times(r): return f'{r["median"]:.2f} ({r["low"]:.2f} to {r["high"]:.2f})'
