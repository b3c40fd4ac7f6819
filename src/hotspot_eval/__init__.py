"""Did hotspot and problem-oriented policing reduce violence?"""
