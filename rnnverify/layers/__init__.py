"""What each layer computes, in plain NumPy, from the equations. Independent of Keras: that is its worth."""
