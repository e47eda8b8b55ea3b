"""VCF, the Variant Call Format."""
