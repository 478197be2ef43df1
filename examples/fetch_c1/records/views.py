import socket

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from .models import Fetch, Record

PAGE = 50
LARGEST_PAGE = 500


def index(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "records/index.html",
        {
            "records": Record.objects.all()[:PAGE],
            "total": Record.objects.count(),
            "fetches": Fetch.objects.all()[:10],
            "served_by": socket.gethostname(),
        },
    )


def api_records(request: HttpRequest) -> JsonResponse:
    """`?page=1&size=50`: the newest records first, with the number of all."""
    try:
        page = int(request.GET.get("page", "1"))
        size = int(request.GET.get("size", str(PAGE)))
    except ValueError:
        return JsonResponse({"error": "page and size must be whole numbers"}, status=400)
    if page < 1 or page > 1_000_000 or not 1 <= size <= LARGEST_PAGE:
        return JsonResponse({"error": f"page must be 1 or more, size 1 to {LARGEST_PAGE}"}, status=400)
    start = (page - 1) * size
    total = Record.objects.count()
    records = Record.objects.all()[start : start + size]
    return JsonResponse(
        {
            "page": page,
            "size": size,
            "total": total,
            "pages": -(-total // size),
            "records": [
                {
                    "key": record.key,
                    "title": record.title,
                    "value": None if record.value is None else str(record.value),
                    "changed_at": record.changed_at.isoformat(),
                    "first_seen": record.first_seen.isoformat(),
                    "last_seen": record.last_seen.isoformat(),
                }
                for record in records
            ],
        }
    )


def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, 503 when it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError as error:
        return JsonResponse({"status": "unavailable", "database": str(error).strip()}, status=503)
    return JsonResponse({"status": "ok", "served_by": socket.gethostname()})
