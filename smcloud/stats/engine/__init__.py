"""The kernels below the labelled functions of :mod:`smcloud.stats`: plain arrays in, plain arrays out."""
