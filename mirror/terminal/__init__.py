"""The console command `mirror`: runs the notebooks through papermill, lists runs, and checks a machine.

Imports no library of models: the notebook's kernel does.
"""
