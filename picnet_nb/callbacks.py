# %% imports
from __future__ import annotations
import copy, json, math, re, signal, sys, threading, time, warnings
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path
import safetensors, safetensors.torch, torch
from torchvision.utils import make_grid
from tqdm.auto import tqdm
from .data import to_pil, write_atomic
from .masks import make_masks
from .model import sample, save_weights
# %%
class EMA:
    "Exponential moving average of encoder and generator, `trainer.ema`; its discriminators are the trainer's own."
    def before_fit(self, t):
        if not hasattr(t, 'ema'): t.ema = copy.deepcopy(t.net).eval().requires_grad_(False)
        t.ema.disc, t.ema.disc_rec = t.net.disc, t.net.disc_rec

    @torch.no_grad()
    def after_step(self, t):
        decay = min(t.cfg.ema, (1 + t.step)/(10 + t.step))      # the start of a run is soon forgotten
        for part in ('encoder', 'generator'):
            mean, now = getattr(t.ema, part), getattr(t.net, part)
            torch._foreach_lerp_(list(mean.parameters()), [p.detach() for p in now.parameters()], 1 - decay)
            torch._foreach_copy_(list(mean.buffers()), list(now.buffers()))
# %%
class Schedule:
    "Learning rate up at the start and down at the end; with `minutes`, in a run of a length that is measured."
    def __init__(self, minutes:float|None=None, measure:int=20): # of the whole run; steps after which it is planned
        self.minutes, self.measure, self.times = minutes, measure, []

    def before_step(self, t):
        if self.minutes and t.steps == t.cfg.steps: self.plan(t)
        rate = min(1., (t.step + 1)/max(1, t.cfg.warmup), (t.steps - t.step)/max(1., t.cfg.decay*t.steps))
        for group in (*t.opt_g.param_groups, *t.opt_d.param_groups):
            if torch.is_tensor(group['lr']): group['lr'].fill_(t.cfg.lr*rate)      # part of a CUDA graph
            else: group['lr'] = t.cfg.lr*rate

    def plan(self, t):
        "Set `t.steps` by the second half of the measured steps: the first ones are slow."
        if t.device.type == 'cuda': torch.cuda.synchronize()
        self.times.append(time.perf_counter())
        if len(self.times) <= self.measure: return
        seconds = (self.times[-1] - self.times[self.measure//2])/(self.measure - self.measure//2)
        t.steps = max(t.step + 1, round(60*self.minutes/seconds))
        t.call('agree')       # several processes: on the first one's
        if t.main: print(f'{seconds:.3g} s a step: {t.steps} steps in {self.minutes:g} minutes', flush=True)
# %%
class Log:
    "Means of the losses, `trainer.log`, each `every` steps; an error if one is not finite."
    def __init__(self, every:int=50, quiet:bool=False): self.every, self.quiet = every, quiet

    def before_fit(self, t):
        t.log, t.seconds = getattr(t, 'log', []), getattr(t, 'seconds', 0.)
        self.sums, self.bar = {}, None

    def before_step(self, t):
        if self.bar is not None: return
        self.start = time.time() - t.seconds
        self.bar = tqdm(total=t.steps, initial=t.step, unit='step', disable=self.quiet or not t.main)

    def after_step(self, t):
        for k, v in t.losses.items(): self.sums.setdefault(k, []).append(v)
        t.seconds, self.bar.total = time.time() - self.start, t.steps
        self.bar.update()
        if t.step%self.every and t.step < t.steps: return
        row, self.sums = {k: torch.stack(v).mean() for k, v in self.sums.items()}, {}
        t.call('reduce', row)
        row = {k: v.item() for k, v in row.items()}
        if not all(map(math.isfinite, row.values())): raise FloatingPointError(
            f'a loss is not finite at step {t.step}: {row}. Lower lr, or use amp=no; the last checkpoint is from before')
        t.log.append(dict(step=t.step, seconds=round(t.seconds, 1), **row))
        self.bar.set_postfix_str(', '.join(f'{k} {v:.3g}' for k, v in row.items()))

    def cleanup(self, t):
        if self.bar is not None: self.bar.close()
# %%
def log_text(
    rows:list, # of dicts, which need not have the same keys
) -> str: # a line for each
    "Rows as comma separated values."
    keys = list(dict.fromkeys(k for row in rows for k in row))
    return '\n'.join([','.join(keys), *(','.join(str(row.get(k, '')) for k in keys) for row in rows), ''])
# %%
class Preview:
    "Completions of fixed images, `trainer.preview`, each `every` steps: in `folder`/samples.png, and in a notebook."
    def __init__(self, folder:str|Path|None=None, every:int=500, images:int=3, n:int=4):
        self.folder, self.every, self.images, self.n, self.handle = folder, every, images, n, None

    def after_step(self, t):
        if not t.main or t.step%self.every and t.step < t.steps: return
        try: self.show(t, self.complete(t))
        except Exception as e: warnings.warn(f'no preview at step {t.step}: {e}')      # never the end of a run

    def complete(self, t):
        g = torch.Generator().manual_seed(1)
        image = getattr(t.data, 'fixed', t.data.batch)(self.images, g).to(t.device)
        mask = make_masks(t.cfg.masks, self.images, t.cfg.size, g).to(t.device)
        made, _ = sample(t.ema, image, mask, self.n, generator=g)
        t.preview = torch.cat([image.masked_fill(mask, 0)[:, None], made], 1).cpu()
        return to_pil(make_grid(t.preview.flatten(0, 1), self.n + 1, padding=2, pad_value=1))

    def show(self, t, sheet):
        if self.folder: write_atomic(Path(self.folder)/'samples.png', lambda f: sheet.save(f, 'PNG'))
        ip = sys.modules.get('IPython')
        if not ip or not ip.get_ipython() or not hasattr(ip.get_ipython(), 'kernel'): return
        if self.handle: self.handle.update(sheet)
        else: self.handle = ip.display.display(sheet, display_id=True)
# %%
class FinishStep:
    "Ctrl-C ends a run after the step that it is at; a second one at once."
    def before_fit(self, t):
        t.stop, self.old = False, None
        if threading.current_thread() is threading.main_thread():      # nobody else hears it
            self.old = signal.signal(signal.SIGINT, partial(self.hear, t))

    def hear(self, t, *args):
        if t.stop: raise KeyboardInterrupt
        t.stop = True

    def cleanup(self, t):
        if self.old is not None: signal.signal(signal.SIGINT, self.old)
# %%
def adam_state(
    opt:torch.optim.Adam, # fresh, or after some steps
) -> dict: # name -> tensor of the optimizer
    "All moments and counts of steps; zeros, from which Adam goes on, where there are none yet."
    zeros = lambda p: dict(step=torch.zeros((), device=p.device if opt.defaults['fused'] else 'cpu'),
                           exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p))
    params = [p for g in opt.param_groups for p in g['params']]
    for p in params: opt.state[p] = opt.state[p] or zeros(p)
    return {f'{i}.{k}': v for i, p in enumerate(params) for k, v in opt.state[p].items()}
# %%
def run_tensors(
    t, # a `Trainer` with `ema`
) -> dict: # name -> tensor; what is loaded is copied into these
    "All tensors that a run needs to go on."
    ema = {k: v for k, v in t.ema.state_dict().items() if not k.startswith('disc')}
    parts = dict(net=t.net.state_dict(), ema=ema, terms=t.discs[2:].state_dict(), rng={'state': t.rng.get_state()},
                 opt_g=adam_state(t.opt_g), opt_d=adam_state(t.opt_d))
    return {f'{part}.{k}': v for part, tensors in parts.items() for k, v in tensors.items()}
# %%
def run_settings(t) -> dict: # of numbers and texts
    "What decides how a run goes; a checkpoint of other settings is refused."
    free = 'steps', 'save_every', 'amp'
    config = {k: v for k, v in asdict(t.cfg).items() if k not in free}
    settings = dict(config, model=t.net.config.to_dict(), terms=list(map(repr, t.terms)),
                    choose=getattr(t.choose, '__name__', repr(t.choose)))
    return json.loads(json.dumps(settings, default=repr))
# %%
class SettingsError(ValueError):
    "A checkpoint is of a run with other settings."
# %%
def read_checkpoint(
    file:Path, # written by `Checkpoint`
    like:dict, # the tensors of the run, see `run_tensors`
    settings:dict, # of the run, see `run_settings`
) -> tuple: # tensors, dict of numbers and texts
    "Read a checkpoint; one that is damaged, not finite, or of other shapes or settings is a `ValueError` that says so."
    try:
        with safetensors.safe_open(file, 'pt') as f:
            about = json.loads(f.metadata()['run'])
            old = about['settings']
            diff = [f'{k}: {old.get(k)!r} there, {v!r} now' for k, v in settings.items() if old.get(k) != v]
            if diff: raise SettingsError(
                f'{file} was trained otherwise; use its settings or another folder. {"; ".join(diff)}')
            if other := sorted({*f.keys()} ^ {*like}): raise ValueError(f'tensors are missing or too many, e.g. {other[0]}')
            bad = [k for k, v in like.items() if f.get_slice(k).get_shape() != list(v.shape)]
            tensors = {} if bad else {k: f.get_tensor(k) for k in like}
    except SettingsError: raise
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, AttributeError, RecursionError, ValueError) as e:
        raise ValueError(f'{file} can not be used: {e}') from e
    bad += [k for k, v in tensors.items() if v.dtype != like[k].dtype or v.is_floating_point() and not v.isfinite().all()]
    if bad: raise ValueError(f'{file} can not be used: {bad[0]} is not finite, or of another shape or type')
    return tensors, about
# %%
@torch.no_grad()
def restore(t, tensors:dict, about:dict): # a `Trainer`, and what `read_checkpoint` gives
    "Let a trainer go on where a checkpoint was written."
    for k, v in run_tensors(t).items(): v.copy_(tensors[k])
    t.rng.set_state(tensors['rng.state'])
    t.step, t.seconds, t.log = about['step'], about['seconds'], about['log']
    if about['asked'] == t.cfg.steps: t.steps = about['steps']      # as planned; see `Schedule`
    t.scaler.load_state_dict(about['scaler'])
    if about['data']: t.data.load_state_dict(about['data'])
# %%
@contextmanager
def run_lock(folder:Path): # of a run
    "Hold a folder; if another process, or another run in this one, holds it, that is an error."
    try: import fcntl
    except ImportError: yield; return      # Windows
    with open(folder/'.lock', 'w') as f:
        try: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError: raise BlockingIOError(
            f'another run is writing in {folder}: wait until it has ended, or choose another folder') from None
        except OSError: pass               # a drive that knows no locks
        yield
# %%
class Checkpoint:
    "All that a run needs to go on, each `save_every` steps, in `folder`; `fit` goes on from the newest one there."
    def __init__(self, folder:str|Path, keep:int=2): # checkpoints to keep
        self.folder, self.keep, self.held = Path(folder), keep, ExitStack()

    def files(self): # oldest first
        return sorted(o for o in self.folder.glob('checkpoint-*') if re.fullmatch(r'checkpoint-\d{7}\.safetensors', o.name))

    def before_fit(self, t):
        self.folder.mkdir(parents=True, exist_ok=True)
        if t.main:
            self.held.enter_context(run_lock(self.folder))
            for o in self.folder.glob('.checkpoint-*'): o.unlink()      # of a run that was killed while it wrote
        self.resume(t)

    def resume(self, t):
        self.saved, files = -1, self.files()
        for file in reversed(files):
            try: state = read_checkpoint(file, run_tensors(t), run_settings(t))
            except SettingsError: raise
            except ValueError as e: warnings.warn(f'{e}; trying the one before')
            else: restore(t, *state); self.saved = t.step; return
        if files: raise ValueError(
            f'no checkpoint in {self.folder} can be used: move them away to begin anew, or choose another folder')

    def after_step(self, t):
        if t.step%t.cfg.save_every == 0 or t.step == t.steps: self.save(t)

    def after_fit(self, t):
        if t.step != self.saved: self.save(t)       # stopped

    def save(self, t):
        "Write checkpoint, averaged weights and log, each whole or not at all; what is not finite is not saved."
        self.saved = t.step
        if not t.main: return
        tensors = {k: v.detach().cpu().contiguous() for k, v in run_tensors(t).items()}
        bad = [k for k, v in tensors.items() if v.is_floating_point() and not v.isfinite().all()]
        if bad: raise FloatingPointError(
            f'{bad[0]} is not finite at step {t.step}, nothing was saved: lower lr, or use amp=no')
        data = t.data.state_dict() if hasattr(t.data, 'state_dict') else None
        about = dict(step=t.step, steps=t.steps, asked=t.cfg.steps, seconds=t.seconds, log=t.log,
                     scaler=t.scaler.state_dict(), data=data, settings=run_settings(t))
        made = safetensors.torch.save(tensors, dict(format='pt', run=json.dumps(about)))
        write_atomic(self.folder/f'checkpoint-{t.step:07}.safetensors', lambda f: f.write(made))
        save_weights(t.ema, self.folder/'model.safetensors', step=t.step)
        write_atomic(self.folder/'log.csv', lambda f: f.write(log_text(t.log).encode()))
        for old in self.files()[:-self.keep]: old.unlink()

    def cleanup(self, t): self.held.close()
# %%
class MixedPrecision:
    "Compute in bfloat16 or float16, as `TrainConfig.amp` asks for; float16 with scaled losses."
    def before_fit(self, t):
        amp, cuda = t.cfg.amp, t.device.type == 'cuda'
        if amp == 'auto': amp = 'no' if not cuda else 'bf16' if torch.cuda.is_bf16_supported(False) else 'fp16'
        dtype = dict(no=None, bf16=torch.bfloat16, fp16=torch.float16)[amp]
        if dtype: t.autocast = partial(torch.autocast, t.device.type, dtype)
        if amp == 'fp16': t.scaler = torch.amp.GradScaler(t.device.type)
# %%
class ProcessLost(RuntimeError):
    "Another process of a training is gone, and this one can't go on alone."
# %%
class Processes:
    "Share each step among the processes that `accelerate launch` started: each its part of the batch, mean gradients."
    def __init__(self, cpu:bool=False, timeout:float=600): # seconds to wait for another process before it counts as lost
        try: from accelerate import PartialState
        except ImportError as e: raise ImportError("several processes need accelerate: pip install 'picnet_nb[train]'") from e
        cpu = cpu or not torch.accelerator.is_available()
        with self.listening(): self.state = PartialState(cpu=cpu, timeout=timedelta(seconds=timeout))
        self.n, self.rank, self.device = self.state.num_processes, self.state.process_index, self.state.device

    @contextmanager
    def listening(self):
        try: yield
        except RuntimeError as e: raise ProcessLost('another process has died, or said nothing for too long: look for its '
            f'error above; the same command goes on from the last checkpoint ({e})') from e

    @torch.no_grad()
    def mean(self, tensors:list, from_first:bool=False):
        "Replace each tensor by its mean over all processes, or by the first one's."
        if not tensors: return
        flat = torch.cat([o.reshape(-1).float() for o in tensors])      # one message is faster than many small ones
        with self.listening():
            if from_first: torch.distributed.broadcast(flat, 0)
            else: torch.distributed.all_reduce(flat)
        if not from_first: flat /= self.n
        for o, new in zip(tensors, flat.split([o.numel() for o in tensors])): o.copy_(new.view_as(o))

    def before_fit(self, t):
        size, t.main = t.cfg.batch//self.n, self.state.is_main_process
        if t.cfg.batch%self.n: raise ValueError(f'a batch of {t.cfg.batch} can not be shared by {self.n} processes')
        t.share = slice(size*self.rank, size*(self.rank + 1))
        nets = t.net, t.ema, t.discs
        self.mean([o.data for net in nets for o in (*net.parameters(), *net.buffers())], from_first=True)

    def after_backward(self, t, opt):
        self.mean([p.grad for g in opt.param_groups for p in g['params'] if p.grad is not None])

    def reduce(self, t, row): self.mean(list(row.values()))

    def after_step(self, t):
        if t.step%10: return
        stop = torch.tensor([float(t.stop)], device=self.device)      # all stop at the same step
        self.mean([stop])
        t.stop = stop.item() > 0

    def agree(self, t):
        steps = torch.tensor([float(t.steps)], device=self.device)
        self.mean([steps], from_first=True)
        t.steps = int(steps.item())
# %%
class CUDAGraph:
    "Record a step's work on a GPU, for each kind of step once, and play it: no time is lost between its operations."
    def __init__(self, warmup:int=3): self.warmup = warmup # steps of each kind that are worked as usual

    def before_fit(self, t):
        self.plain, self.graphs, self.seen = t.work, {}, {}
        if t.device.type != 'cuda' or t.scaler.is_enabled() or t.share != slice(None): return
        for g in (*t.opt_g.param_groups, *t.opt_d.param_groups):      # a number would be part of the recording
            g['capturable'], g['lr'] = True, torch.tensor(g['lr'], device=t.device)
        self.stream, t.work = torch.cuda.Stream(), self.work

    def cleanup(self, t): t.work = self.plain

    def work(self, batch, due):
        if due not in self.graphs:
            self.seen[due] = self.seen.get(due, 0) + 1
            if self.seen[due] <= self.warmup: return self.aside(batch, due)
            self.graphs[due] = self.record(batch, due)      # which only records, and does nothing
        graph, inputs, losses = self.graphs[due]
        for k, v in batch.items(): inputs[k].copy_(v)
        graph.replay()
        return {k: v.clone() for k, v in losses.items()}      # the next one will write to the same place

    def aside(self, batch, due):
        "Work as usual, in a stream of its own, as recordings must."
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream): losses = self.plain(batch, due)
        torch.cuda.current_stream().wait_stream(self.stream)
        return losses

    def record(self, batch, due):
        graph, inputs = torch.cuda.CUDAGraph(), {k: v.clone() for k, v in batch.items()}
        try:
            with torch.cuda.graph(graph, stream=self.stream): losses = self.plain(inputs, due)
        except RuntimeError as e: raise RuntimeError(
            f'this step waits for the GPU somewhere and can not be recorded: train without CUDAGraph ({e})') from e
        return graph, inputs, losses
# %%
def standard_callbacks(
    folder:str|Path|None=None, # where the run lives; None: nothing is saved
    minutes:float|None=None, # plan the number of steps for so many
    processes:Processes|None=None, # if there are several
) -> list:
    "What a run has around its steps, in this order: work is saved before it is shown."
    return [FinishStep(), MixedPrecision(), EMA(), *([processes] if processes else []), Schedule(minutes), Log(),
            *([Checkpoint(folder)] if folder else []), Preview(folder)]
