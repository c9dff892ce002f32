"""Decode attention through torch's fused kernels, in the shapes of `kv bench attention`.

Prints microseconds and GB/s of keys and values for one query a sequence; bench-gpu.sh calls it.
"""

import argparse

import torch
import torch.nn.functional as functional

QUERY_HEADS, KV_HEADS, DIM = 32, 8, 128


def microseconds(step, rounds=20):
    """The median time of a step on the card."""
    times = []
    for _ in range(rounds):
        start = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        start.record()
        step()
        end.record()
        torch.cuda.synchronize()
        times.append(1000 * start.elapsed_time(end))
    return sorted(times)[rounds // 2]


def measure(sequences, context, copy):
    shape = (sequences, KV_HEADS, context, DIM)
    keys = torch.randn(shape, device="cuda", dtype=torch.float16)
    values = torch.randn(shape, device="cuda", dtype=torch.float16)
    queries = torch.randn(sequences, QUERY_HEADS, 1, DIM, device="cuda", dtype=torch.float16)

    def step():
        return functional.scaled_dot_product_attention(queries, keys, values, enable_gqa=True)

    step()
    time = microseconds(step)
    rate = 4 * keys.numel() / time / 1e3
    print(f"sdpa     {sequences:4d} x {context:6d} {time:10.0f} {rate:9.2f} {100 * rate / copy:8.0f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contexts", default="4096,16384,65536")
    parser.add_argument("--copy", type=float, required=True, help="GB/s of a copy on this card")
    arguments = parser.parse_args()
    for context in arguments.contexts.split(","):
        measure(1, int(context), arguments.copy)
    measure(64, 8192, arguments.copy)


if __name__ == "__main__":
    main()
