"""What a stage waits for beyond its bake: an approval, and hooks.

model     both as the file declares them
reading   the readers of the keys `approval` and `hooks` of a [[stage]]
deciding  whether a run asks for an approval, waits, continues, or stops
hooks     whether a run calls a hook, waits, continues, pauses, or stops
"""
