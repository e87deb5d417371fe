"""What one worker of a run does: the loop over its sessions, in this process or in one of several."""
