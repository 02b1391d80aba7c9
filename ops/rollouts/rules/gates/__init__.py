"""What a stage waits for beyond its bake: an approval.

model     the approval as the file declares it
reading   the reader of the key `approval` of a [[stage]]
deciding  whether a run asks, waits, continues, or stops
"""
