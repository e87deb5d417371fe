"""The two HTTP services, verification and description: a FastAPI app each over one class of mirror.

mirror knows nothing of them but their wire format (`mirror.services.service`).
"""
