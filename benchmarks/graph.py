"""A step of training as a CUDA graph, which launches its many small kernels at once; not yet measured in this form.

A step consists of very many small kernels, and the Python program that launches them may be slower than the GPU. A CUDA graph captures the
kernels of a step once and replays them as a whole. So a step must do the same each time (each set of terms has its graph), read from the same
places in memory (the batch is copied there), and never wait for the program. On a CPU the callback does nothing."""
import torch

class CUDAGraph:
    "Capture a step's work on a GPU, for each kind of step once, and replay it: no time is lost between its kernels."
    def __init__(self, warmup:int=3): self.warmup = warmup # steps of each kind that are worked as usual

    def before_fit(self, t):
        self.plain, self.graphs, self.seen = t.work, {}, {}
        if t.device.type != 'cuda' or t.scaler.is_enabled() or t.share != slice(None): return
        for g in (*t.opt_g.param_groups, *t.opt_d.param_groups):      # a number would be part of the graph
            g['capturable'], g['lr'] = True, torch.tensor(g['lr'], device=t.device)
        self.stream, t.work = torch.cuda.Stream(), self.work

    def cleanup(self, t): vars(t).pop('work', None)      # the trainer's own again

    def work(self, batch, due):
        if due not in self.graphs:
            self.seen[due] = self.seen.get(due, 0) + 1
            if self.seen[due] <= self.warmup:      # as usual, in a stream of its own, as a capture needs
                self.stream.wait_stream(torch.cuda.current_stream())
                with torch.cuda.stream(self.stream): losses = self.plain(batch, due)
                torch.cuda.current_stream().wait_stream(self.stream)
                return losses
            graph, inputs = torch.cuda.CUDAGraph(), {k: v.clone() for k, v in batch.items()}
            try:
                with torch.cuda.graph(graph, stream=self.stream): losses = self.plain(inputs, due)
            except RuntimeError as e: raise RuntimeError(
                f'this step waits for the GPU somewhere and can not be captured: train without CUDAGraph ({e})') from e
            self.graphs[due] = graph, inputs, losses      # only captured: nothing is computed yet
        graph, inputs, losses = self.graphs[due]
        for k, v in batch.items(): inputs[k].copy_(v)
        graph.replay()
        return {k: v.clone() for k, v in losses.items()}      # the next one will write to the same place
