from django.contrib import admin

from .models import Fetch, Record


@admin.register(Record)
class RecordAdmin(admin.ModelAdmin):
    list_display = ["key", "title", "value", "changed_at", "last_seen"]
    search_fields = ["key", "title"]
    date_hierarchy = "changed_at"


@admin.register(Fetch)
class FetchAdmin(admin.ModelAdmin):
    list_display = ["started", "succeeded", "created", "updated", "unchanged", "message"]
    list_filter = ["succeeded"]

    def has_add_permission(self, request) -> bool:
        return False
