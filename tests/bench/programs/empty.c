/* The limit of a library: it does nothing. */
