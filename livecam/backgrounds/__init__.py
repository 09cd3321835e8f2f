"""Backgrounds: image, color, drawing, video, slideshow, blur and transparency."""
