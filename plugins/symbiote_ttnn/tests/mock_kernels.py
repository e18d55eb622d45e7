"""Judge every kernel on the mock chip named on the command line; print what was seen as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from judged_kernels import CASES, GEOMETRIES
from judging import FORWARDS, judge
from refused_calls import REFUSED, refuse

from symbiote_core import close_device, open_device


def main(arch: str) -> dict[str, Any]:
    device = open_device(f"mock:{arch}")
    told: dict[str, Any] = {}
    for size, geometry in GEOMETRIES.items():
        for name, case in CASES.items():
            module = case.kernel.from_torch(case.layer(geometry))
            values = case.values(geometry)
            told[f"{name} {size}"] = judge(module, values, device, FORWARDS[size])
    told["refused"] = {name: refuse(kernel, device) for name, kernel in REFUSED.items()}
    close_device(device)
    return told


if __name__ == "__main__":
    torch.set_num_threads(1)  # more of them wait for each other where other tests run
    with torch.no_grad():
        print(json.dumps(main(sys.argv[1])))
