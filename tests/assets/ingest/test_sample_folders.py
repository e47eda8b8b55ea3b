"""Samples in folders of their own: what landed, changed and vanished is one source."""

from __future__ import annotations

from polly_assets.ingest import changes, landing
from polly_resources.records import JobAction, JobStatus

TABLE = "Name\tLength\tEffectiveLength\tTPM\tNumReads\nt1\t100\t80.5\t1.5\t{}\nt2\t9\t8\t2\t3\n"


def asked(instance, *names):
    found = changes.at_names(
        instance.objects, instance.ledger, instance.tables, instance.atlas, names
    )
    return [(request.action, request.source) for request in found]


def test_a_dataset_over_folders(instance, write):
    folder = write("f/q/S1/quant.sf", TABLE.format(1)).parents[2]
    write("f/q/S2/quant.sf", TABLE.format(2))
    (job,) = instance.ingest(folder)
    assert (job.status, job.source) == (JobStatus.SUCCEEDED, "landing/demo/q/S1/quant.sf")
    assert instance.everywhere() == {"q_salmon"}
    (at,) = landing.landed(instance.objects, [job.source]).values()
    assert list(at.sidecars.values()) == ["landing/demo/q/S2/quant.sf"]


def test_a_sample_that_comes_or_goes_is_of_the_same_dataset(instance, write):
    folder = write("f/q/S1/quant.sf", TABLE.format(1)).parents[2]
    write("f/q/S2/quant.sf", TABLE.format(2))
    instance.ingest(folder)
    assert asked(instance, "q/S2/quant.sf") == []
    instance.objects.put("landing/demo/q/S3/quant.sf", write("S3.sf", TABLE.format(3)))
    assert asked(instance, "q/S3/quant.sf") == [(JobAction.INGEST, "landing/demo/q/S1/quant.sf")]
    instance.objects.delete("landing/demo/q/S1/quant.sf")
    assert asked(instance, "q/S1/quant.sf") == [
        (JobAction.DELETE, "landing/demo/q/S1/quant.sf"),
        (JobAction.INGEST, "landing/demo/q/S2/quant.sf"),
    ]


def test_atlases_do_not_mix(instance, write):
    instance.objects.put("landing/demo/quant.sf", write("a.sf", TABLE.format(1)))
    instance.objects.put("landing/other/quant.sf", write("b.sf", TABLE.format(2)))
    (at,) = landing.landed(instance.objects, ["landing/demo/quant.sf"]).values()
    assert at.sidecars == {}
