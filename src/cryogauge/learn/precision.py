"""Half precision where it helps."""

from contextlib import AbstractContextManager


def mixed_precision(device: str) -> AbstractContextManager[object]:
    """Autocast to bfloat16 on GPUs and on processors that compute in it; single precision elsewhere.

    A processor without such instructions emulates them, several times slower than single precision.
    """
    import torch

    kind = torch.device(device).type
    able = torch.cpu.get_capabilities()
    helps = kind == "cuda" or any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return torch.autocast(kind, torch.bfloat16, enabled=bool(helps))
