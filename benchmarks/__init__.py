"""Farol's engine beside stock Rasa, measured on this machine: python -m benchmarks.run"""
