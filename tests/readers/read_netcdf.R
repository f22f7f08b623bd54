# Writes every number of a NetCDF file as doubles into a folder, one file for each variable, as R (ncdf4) reads it; a
# missing value is NaN. Texts are printed: the name of the variable, and its labels.
suppressPackageStartupMessages(library(ncdf4))
given <- commandArgs(trailingOnly = TRUE)
file <- nc_open(given[1])
axes <- names(Filter(function(dim) dim$dimvarid$id >= 0, file$dim)) # others are numbered only
for (name in c(names(file$var), axes)) {
  values <- ncvar_get(file, name, collapse_degen = FALSE)
  if (is.character(values)) {
    cat(name, values, sep = "\t")
    cat("\n")
  } else {
    values <- as.double(values)
    values[is.na(values)] <- NaN
    writeBin(values, file.path(given[2], name))
  }
}
