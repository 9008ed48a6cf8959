-- Interpretation: plain text in the PDF; in the pages marked where it was written against results
-- that changed since. The fingerprints of the results now lie where cvlib notes them.
local function fingerprints()
  local profile = os.getenv("QUARTO_PROFILE") or ""
  local name = profile:match("quick") or profile:match("full")
  local path = name and (".quarto/fingerprints-" .. name .. ".json") or "_freeze/fingerprints.json"
  local root = quarto.project.directory or os.getenv("QUARTO_PROJECT_ROOT") or "."
  local file = io.open(root .. "/" .. path, "r")
  if file == nil then
    return nil
  end
  local text = file:read("a")
  file:close()
  local ok, found = pcall(quarto.json.decode, text)
  return ok and found or nil
end

local now, asked = nil, false

local interpretation = {
  Div = function(el)
    if not el.classes:includes("interpretation") then
      return nil
    end
    if quarto.doc.is_format("typst") then
      return el.content
    end
    if not asked then
      now, asked = fingerprints(), true
    end
    local reviewed = el.attributes["reviewed"] or ""
    el.attributes["reviewed"] = nil
    el.attributes["of"] = nil
    if now == nil then
      return el
    end
    local changed, names = {}, 0
    for name, digits in reviewed:gmatch("(%w[%w_-]*)=(%w+)") do
      names = names + 1
      if now[name] ~= digits then
        table.insert(changed, name:upper())
      end
    end
    if names > 0 and #changed == 0 then
      return el
    end
    local why = names == 0 and "Not reviewed beside its results yet"
      or ("Results of " .. table.concat(changed, ", ") .. " changed since this was written")
    local chapter = pandoc.path.split_extension(pandoc.path.filename(quarto.doc.input_file or "chapter"))
    local note = pandoc.Span(
      { pandoc.Str(why .. ". Read it again, then: cvlib reviewed " .. chapter) },
      pandoc.Attr("", { "review-note" }, { style = "color: #b45309; font-size: 0.85em" }))
    el.classes:insert("needs-review")
    el.attributes["style"] = "border-left: 3px solid #d97706; padding-left: 0.8em"
    el.content:insert(1, pandoc.Para({ note }))
    return el
  end,
}

return interpretation
