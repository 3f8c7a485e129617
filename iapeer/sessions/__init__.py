"""How one session is launched, typed into, watched and ended."""
