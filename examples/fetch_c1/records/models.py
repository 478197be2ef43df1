"""What is kept: the records of C1 as they were last seen, and a row for each attempt to fetch them."""

from django.db import models


class Fetch(models.Model):
    """One run of `manage.py fetch`, whether it succeeded or not."""

    started = models.DateTimeField()
    finished = models.DateTimeField()
    url = models.CharField(max_length=500)
    succeeded = models.BooleanField()
    created = models.PositiveIntegerField(default=0, help_text="records seen for the first time")
    updated = models.PositiveIntegerField(default=0, help_text="records that had changed")
    unchanged = models.PositiveIntegerField(default=0)
    message = models.TextField(blank=True)

    class Meta:
        ordering = ["-started", "-id"]
        verbose_name_plural = "fetches"

    def __str__(self) -> str:
        return f"{self.started:%Y-%m-%d %H:%M:%S} {'ok' if self.succeeded else 'failed'}"


class Record(models.Model):
    """A record of C1, identified by C1's own key."""

    key = models.CharField(max_length=200, unique=True)
    title = models.CharField(max_length=500)
    value = models.DecimalField(max_digits=18, decimal_places=4, null=True, blank=True)
    changed_at = models.DateTimeField(help_text="when C1 last changed it", db_index=True)
    first_seen = models.DateTimeField(auto_now_add=True)
    last_seen = models.DateTimeField()

    class Meta:
        ordering = ["-changed_at", "key"]

    def __str__(self) -> str:
        return f"{self.key}: {self.title}"
