"""smcloud: soil-moisture trends, their drivers and the DDWW question."""
