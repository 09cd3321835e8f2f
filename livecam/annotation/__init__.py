"""Segment Anything labels your frames: pictures and clips to Pets-style trimaps, and a model of your own."""
