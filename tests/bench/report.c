/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "report.h"

#include <json-glib/json-glib.h>
#include <libsmartcols.h>
#include <math.h>
#include <stdio.h>

struct _BenchReport
{
  GArray *figures; /* of BenchFigure with strings of its own */
};

static void
clear_figure (gpointer data)
{
  BenchFigure *figure = data;

  g_free ((char *)figure->part);
  g_free ((char *)figure->figure);
  g_free ((char *)figure->unit);
  g_free ((char *)figure->goal);
}

BenchReport *
bench_report_new (void)
{
  BenchReport *self = g_new (BenchReport, 1);

  self->figures = g_array_new (FALSE, FALSE, sizeof (BenchFigure));
  g_array_set_clear_func (self->figures, clear_figure);
  return self;
}

void
bench_report_free (BenchReport *self)
{
  g_array_unref (self->figures);
  g_free (self);
}

void
bench_report_add (BenchReport *self, BenchFigure figure)
{
  figure.part = g_strdup (figure.part);
  figure.figure = g_strdup (figure.figure);
  figure.unit = g_strdup (figure.unit);
  figure.goal = g_strdup (figure.goal);
  g_array_append_val (self->figures, figure);
}

guint
bench_report_count_missed (const BenchReport *self)
{
  guint missed = 0;

  for (guint i = 0; i < self->figures->len; i++)
    missed += g_array_index (self->figures, BenchFigure, i).verdict == BENCH_MISSED;
  return missed;
}

guint
bench_report_count (const BenchReport *self)
{
  return self->figures->len;
}

guint
bench_report_count_absurd (const BenchReport *self)
{
  guint absurd = 0;

  for (guint i = 0; i < self->figures->len; i++)
    {
      const BenchFigure *figure = &g_array_index (self->figures, BenchFigure, i);

      absurd += !isfinite (figure->measured) || !isfinite (figure->ratio);
    }
  return absurd;
}

static char *
number_to_string (double number, const char *unit)
{
  double size = ABS (number);
  int digits = size >= 100 || number == (gint64)number ? 0 : size >= 10 ? 1 : 2;

  return unit != NULL ? g_strdup_printf ("%.*f %s", digits, number, unit)
                      : g_strdup_printf ("%.2f", number);
}

void
bench_report_print (const BenchReport *self)
{
  static const char *const verdicts[] = { "", "yes", "MISSED" };
  struct libscols_table *table = scols_new_table ();

  scols_table_new_column (table, "PART", 0, 0);
  scols_table_new_column (table, "FIGURE", 0, 0);
  scols_table_new_column (table, "MEASURED", 0, SCOLS_FL_RIGHT);
  scols_table_new_column (table, "FLOOR", 0, SCOLS_FL_RIGHT);
  scols_table_new_column (table, "RATIO", 0, SCOLS_FL_RIGHT);
  scols_table_new_column (table, "GOAL", 0, 0);
  scols_table_new_column (table, "MET?", 0, 0);
  scols_table_set_termforce (table, SCOLS_TERMFORCE_NEVER);

  for (guint i = 0; i < self->figures->len; i++)
    {
      const BenchFigure *figure = &g_array_index (self->figures, BenchFigure, i);
      struct libscols_line *line = scols_table_new_line (table, NULL);
      g_autofree char *measured = number_to_string (figure->measured, figure->unit);
      g_autofree char *floor_text = number_to_string (figure->floor, figure->unit);
      g_autofree char *ratio = number_to_string (figure->ratio, NULL);

      scols_line_set_data (line, 0, figure->part);
      scols_line_set_data (line, 1, figure->figure);
      scols_line_set_data (line, 2, measured);
      scols_line_set_data (line, 3, figure->floor != 0 ? floor_text : "");
      scols_line_set_data (line, 4, figure->ratio != 0 ? ratio : "");
      scols_line_set_data (line, 5, figure->goal != NULL ? figure->goal : "");
      scols_line_set_data (line, 6, verdicts[figure->verdict]);
    }
  scols_print_table (table);
  scols_unref_table (table);
}

gboolean
bench_report_write_json (const BenchReport *self, const char *path, GError **error)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_array (builder);
  for (guint i = 0; i < self->figures->len; i++)
    {
      const BenchFigure *figure = &g_array_index (self->figures, BenchFigure, i);

      json_builder_begin_object (builder);
      json_builder_set_member_name (builder, "part");
      json_builder_add_string_value (builder, figure->part);
      json_builder_set_member_name (builder, "figure");
      json_builder_add_string_value (builder, figure->figure);
      json_builder_set_member_name (builder, "measured");
      json_builder_add_double_value (builder, figure->measured);
      json_builder_set_member_name (builder, "unit");
      json_builder_add_string_value (builder, figure->unit);
      if (figure->floor != 0)
        {
          json_builder_set_member_name (builder, "floor");
          json_builder_add_double_value (builder, figure->floor);
        }
      if (figure->ratio != 0)
        {
          json_builder_set_member_name (builder, "ratio");
          json_builder_add_double_value (builder, figure->ratio);
        }
      if (figure->verdict != BENCH_NO_GOAL)
        {
          json_builder_set_member_name (builder, "goal");
          json_builder_add_string_value (builder, figure->goal);
          json_builder_set_member_name (builder, "met");
          json_builder_add_boolean_value (builder, figure->verdict == BENCH_MET);
        }
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);

  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  return json_generator_to_file (generator, path, error);
}
