"""The two HTTP services, verification and description: one FastAPI app each, over one class of `mirror`.

`mirror` does not import them; it knows their wire format only (`mirror.services.service`).
"""
