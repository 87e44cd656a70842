/* SPDX-FileCopyrightText: 2026 The deflectd authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fakes/fake-line.h"

#include "core/error.h"

struct _DflFakeLine
{
  GObject parent;

  gboolean down;
  GPtrArray *legs;
};

struct _DflLeg
{
  char *final;
  guint n_attempts;
  guint n_releases;
};

static void dfl_fake_line_line_init (DflLineInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (DflFakeLine,
                               dfl_fake_line,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (DFL_TYPE_LINE, dfl_fake_line_line_init))

static gboolean
send_final (DflFakeLine *self, DflLeg *leg, char *final, GError **error)
{
  g_autofree char *owned = final;

  leg->n_attempts++;
  g_assert_cmpuint (leg->n_releases, ==, 0);
  g_assert_null (leg->final);
  if (self->down)
    {
      g_set_error_literal (error, DFL_ERROR, DFL_ERROR_LINE_DOWN, "The fake line is down");
      return FALSE;
    }

  leg->final = g_steal_pointer (&owned);

  return TRUE;
}

static gboolean
dfl_fake_line_redirect (DflLine *line, DflLeg *leg, const DflTarget *target, GError **error)
{
  return send_final (DFL_FAKE_LINE (line), leg,
                     g_strdup_printf ("302 %s", dfl_target_get_uri (target)), error);
}

static gboolean
dfl_fake_line_decline (DflLine *line, DflLeg *leg, guint status, GError **error)
{
  return send_final (DFL_FAKE_LINE (line), leg, g_strdup_printf ("%u", status), error);
}

static void
dfl_fake_line_release (DflLine *line, DflLeg *leg)
{
  leg->n_releases++;
}

static void
free_leg (gpointer data)
{
  DflLeg *leg = data;

  g_free (leg->final);
  g_free (leg);
}

DflLeg *
dfl_fake_line_add_leg (DflFakeLine *self)
{
  DflLeg *leg = g_new0 (DflLeg, 1);

  g_ptr_array_add (self->legs, leg);

  return leg;
}

void
dfl_fake_line_set_down (DflFakeLine *self, gboolean down)
{
  self->down = down;
}

const char *
dfl_fake_leg_get_final (DflLeg *leg)
{
  return leg->final;
}

guint
dfl_fake_leg_get_n_attempts (DflLeg *leg)
{
  return leg->n_attempts;
}

guint
dfl_fake_leg_get_n_releases (DflLeg *leg)
{
  return leg->n_releases;
}

DflFakeLine *
dfl_fake_line_new (void)
{
  return g_object_new (DFL_TYPE_FAKE_LINE, NULL);
}

static void
dfl_fake_line_finalize (GObject *object)
{
  g_ptr_array_unref (DFL_FAKE_LINE (object)->legs);

  G_OBJECT_CLASS (dfl_fake_line_parent_class)->finalize (object);
}

static void
dfl_fake_line_class_init (DflFakeLineClass *class)
{
  G_OBJECT_CLASS (class)->finalize = dfl_fake_line_finalize;
}

static void
dfl_fake_line_line_init (DflLineInterface *iface)
{
  iface->redirect = dfl_fake_line_redirect;
  iface->decline = dfl_fake_line_decline;
  iface->release = dfl_fake_line_release;
}

static void
dfl_fake_line_init (DflFakeLine *self)
{
  self->legs = g_ptr_array_new_with_free_func (free_leg);
}
