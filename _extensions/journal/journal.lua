-- Brings a Quarto book to the outline of the course:
-- "1 Description, 2 Experiment Journal, 2.1 EXP01, 2.2 EXP02, 3 Summary".
-- Quarto's PDF of a book has unnumbered parts and chapters at level 1 everywhere.

local in_appendix = false

local function is_reset_of_counters(block)
  return block.t == "RawBlock" and block.text:find("// Reset Quarto's custom figure counters", 1, true)
end

local headings = {
  Header = function(el)
    if not quarto.doc.is_format("typst") then
      return nil
    end
    local state = quarto.doc.file_metadata()
    local file = state and state.file
    if not file then
      return nil
    end
    if file.bookItemType == "part" then
      el.classes = el.classes:filter(function(class) return class ~= "unnumbered" end)
      return el
    end
    -- The heading "Appendices" gives way to lettered chapters.
    if file.bookItemType == "appendix" and not in_appendix then
      in_appendix = true
      return pandoc.RawBlock("typst",
        "#counter(heading).update(0)\n#set heading(numbering: appendix-numbering)")
    end
    if file.bookItemType == "chapter" and (file.bookItemDepth or 0) > 0 and not in_appendix then
      el.level = el.level + 1
      return el
    end
  end,
}

local numbering = {
  -- Figures and tables count through the whole report.
  Meta = function(meta)
    local before = meta["include-before"]
    if before == nil or not quarto.doc.is_format("typst") then
      return nil
    end
    local kept = pandoc.List({})
    for _, blocks in ipairs(before) do
      if pandoc.utils.type(blocks) == "Blocks" then
        kept:insert(pandoc.Blocks(blocks:filter(function(b) return not is_reset_of_counters(b) end)))
      else
        kept:insert(blocks)
      end
    end
    meta["include-before"] = kept
    return meta
  end,
}

-- What Typst would make into something else, and pandoc leaves to it: quotes (a prime after a digit:
-- EXP01′s), dots, a minus, and what begins a list or a heading, which a table's cell may begin with.
local shorthands = {"['\"]", "‘", "’", "“", "”", "%.%.%.", "%-[^%a%-]", "^[-+/]$", "^=+$", "^%d+%.$"}

local literals = {
  Str = function(el)
    if not quarto.doc.is_format("typst") then
      return nil
    end
    for _, shorthand in ipairs(shorthands) do
      if el.text:find(shorthand) then
        return pandoc.RawInline("typst", (el.text:gsub("%p", "\\%0")))
      end
    end
  end,
}

return quarto.utils.combineFilters({
  quarto.utils.file_metadata_filter(), headings, numbering, literals,
})
