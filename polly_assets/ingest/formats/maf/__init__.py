"""MAF, the Mutation Annotation Format."""
