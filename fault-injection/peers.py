"""fault-injection/peers.py - stub"""
def compare(run):
    return 0
